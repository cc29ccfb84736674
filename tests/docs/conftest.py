"""A folder in which the commands of the documents run."""

import os
import pathlib
import subprocess

import pytest

BINARY = os.environ.get("MIEN_BINARY", "")
DEPS = pathlib.Path(os.environ.get("MIEN_TEST_DEPS", ".deps")).resolve()
SECONDS_MAX = 120  # for one block; sanitizer builds are slow

if not BINARY:
    raise pytest.UsageError("MIEN_BINARY is not set: run these tests through ctest or ./dev test")

@pytest.fixture
def run(tmp_path):
    """Runs a script where mien is on the PATH and the sample photos lie in photos; output and errors together."""
    if not (DEPS / "photos").is_dir():
        pytest.skip(f"no photos in {DEPS}: ./dev build fetches them")
    home = tmp_path / "home"
    programs = tmp_path / "bin"
    folder = tmp_path / "work"
    for path in (home, programs, folder):
        path.mkdir()
    (programs / "mien").symlink_to(pathlib.Path(BINARY).resolve())
    (folder / "photos").symlink_to(DEPS / "photos")
    kept = ("LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}

    def run_script(script):
        return subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )

    return run_script
