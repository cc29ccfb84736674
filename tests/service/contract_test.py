"""What /openapi.json says holds for requests that schemathesis makes up: all its checks, twenty examples a route."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

PROGRAM = os.environ.get("MIEN_TEST_SCHEMATHESIS") or shutil.which("schemathesis")
EXAMPLES = os.environ.get("MIEN_TEST_EXAMPLES", "20")


@pytest.mark.skipif(not PROGRAM, reason="no schemathesis here (PyPI)")
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_service_keeps_its_contract(start, tmp_path, seed):
    service = start("--upstream", "http://127.0.0.1:1").ready()
    config = pathlib.Path(__file__).with_name("schemathesis.toml")
    result = subprocess.run(
        [PROGRAM, "--config-file", str(config), "run", f"http://127.0.0.1:{service.port}/openapi.json",
         "--checks", "all", "--max-examples", EXAMPLES, "--seed", seed, "--no-color"],
        cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False)
    sys.stdout.write(result.stdout)
    assert result.returncode == 0
    assert service.end() == 0
