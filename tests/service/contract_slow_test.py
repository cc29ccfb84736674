"""What /openapi.json says holds for requests that schemathesis makes up: all its checks, twenty examples a route."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from conftest import DEPS

PROGRAM = os.environ.get("MIEN_TEST_SCHEMATHESIS") or shutil.which("schemathesis")
CONFIG = pathlib.Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("MIEN_TEST_EXAMPLES", "20")


@pytest.mark.skipif(not PROGRAM, reason="no schemathesis here (PyPI)")
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_service_keeps_its_contract(start, mien, tmp_path, photo, seed):
    image = tmp_path / "small.jpg"
    whole = DEPS / "photos" / "obama.jpg"
    assert photo and mien("thumbnail", str(whole), str(image), "--size", "64x64").returncode == 0
    service = start("--upstream", "http://127.0.0.1:1", "--immich", "buffalo_l=centerface+fr_feature").ready()
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "MIEN_TEST_IMAGE": str(image),
                                "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    result = subprocess.run(
        [PROGRAM, "--config-file", str(CONFIG), "run",
         f"http://127.0.0.1:{service.port}/openapi.json", "--checks", "all",
         "--max-examples", EXAMPLES, "--seed", seed, "--no-color"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=3000, check=False)
    sys.stdout.write(result.stdout + result.stderr)
    assert result.returncode == 0
    assert service.end() == 0
