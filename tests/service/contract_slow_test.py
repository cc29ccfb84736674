"""What /openapi.json says holds for requests that schemathesis makes up: all its checks, twenty examples a route
(MIEN_TEST_EXAMPLES: more)."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from conftest import DEPS
from people_album import made_up_lines, put_records
from photos import metrics

PROGRAM = os.environ.get("MIEN_TEST_SCHEMATHESIS") or shutil.which("schemathesis")
CONFIG = pathlib.Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("MIEN_TEST_EXAMPLES", "20")
SECONDS_MAX = 1000 + 100 * int(EXAMPLES)
SERIES_MOST = 500


@pytest.mark.skipif(not PROGRAM, reason="no schemathesis here (PyPI)")
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_service_keeps_its_contract(start, mien, tmp_path, photo, seed):
    image = tmp_path / "small.jpg"
    whole = DEPS / "photos" / "obama.jpg"
    assert photo and mien("thumbnail", str(whole), str(image), "--size", "64x64").returncode == 0
    photos, store = tmp_path / "photos", tmp_path / "people.mien"
    put_records(store, photos, made_up_lines(photos)[0])
    service = start("--upstream", "http://127.0.0.1:1", "--immich", "buffalo_l=centerface+fr_feature", "--nextcloud",
                    "--crawler", "--store", str(store)).ready()
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "MIEN_TEST_IMAGE": str(image),
                                "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    result = subprocess.run(
        [PROGRAM, "--config-file", str(CONFIG), "run",
         f"http://127.0.0.1:{service.port}/openapi.json", "--checks", "all",
         "--max-examples", EXAMPLES, "--seed", seed, "--no-color"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    sys.stdout.write(result.stdout + result.stderr)
    assert result.returncode == 0
    samples = metrics(service)
    print(len(samples), "series")
    assert len(samples) <= SERIES_MOST
    asked = {match[1] for match in (re.match(r'mien_requests_total\{route="(.*?)"', name) for name in samples) if match}
    assert set(service.get("/openapi.json").json()["paths"]) - asked == set(), "not asked"
    assert service.end() == 0
