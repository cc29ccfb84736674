"""The service's page in a real browser: Debian's Chromium, driven by playwright-core through browser.mjs."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import DEPS

FOLDER = pathlib.Path(__file__).resolve().parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PACKAGES = DEPS.resolve() / "browser"
PHOTOS = DEPS.resolve() / "photos"
SECONDS_MAX = 240


def missing():
    """What is not here that these tests need; empty where all is."""
    if not CHROMIUM:
        return "no chromium here: ./dev test installs it on Debian"
    if not shutil.which("node"):
        return "no node here: ./dev test installs it"
    if not (PACKAGES / "axe-core/package/axe.min.js").is_file():
        return f"no playwright-core and axe-core in {PACKAGES}: ./dev test fetches them"
    return "" if PHOTOS.is_dir() else f"no photos in {PHOTOS}: ./dev build fetches them"


needs_browser = pytest.mark.skipif(bool(missing()), reason=missing())


def run(service, scenario, tmp_path, **options):
    """Everything that browser.mjs saw, whatever it was."""
    config = {"packages": str(PACKAGES), "chromium": CHROMIUM, "scenario": scenario,
              "url": f"http://127.0.0.1:{service.port}", **options}
    done = subprocess.run(["node", str(FOLDER / "browser.mjs"), json.dumps(config, default=str)], text=True,
                          env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, timeout=SECONDS_MAX,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def look(service, scenario, tmp_path, **options):
    """What the scenario returns. Nothing else was asked for than this service, and the browser had no complaint."""
    seen = run(service, scenario, tmp_path, **options)
    assert seen["failures"] == [], seen["failures"][0]
    own = (f"http://127.0.0.1:{service.port}/", "blob:", "data:")
    assert [url for url in seen["requests"] if not url.startswith(own)] == []
    assert seen["complaints"] == [] and seen["dialogs"] == []
    assert seen.get("violations", []) == []
    return seen["result"]
