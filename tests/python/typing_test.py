"""The stub of the module is what the module is, and the examples pass the strict checkers."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from conftest import DEPS, PACKAGE, ROOT, environment

STUB = ROOT / "python" / "mien" / "_mien.pyi"
EXAMPLES = sorted((ROOT / "examples" / "python").glob("*.py"))


def test_the_stub_is_up_to_date(tmp_path):
    if not (DEPS / "python" / "nanobind").is_dir():
        pytest.skip("no nanobind in .deps/python: ./dev test fetches it")
    done = subprocess.run([sys.executable, str(ROOT / "python" / "stub.py"), str(tmp_path / "_mien.pyi")],
                          env=environment(MIEN_NANOBIND=str(DEPS / "python")), capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "_mien.pyi").read_text() == STUB.read_text(), (
        f"run: PYTHONPATH={PACKAGE} python3 python/stub.py python/mien/_mien.pyi")


def test_every_name_is_exported_once():
    import mien

    assert len(set(mien.__all__)) == len(mien.__all__)
    assert [name for name in mien.__all__ if not hasattr(mien, name)] == []
    assert (pathlib.Path(mien.__file__).parent / "py.typed").is_file()


def mypy():
    for program in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([program, "-c", "import mypy"], capture_output=True, check=False).returncode == 0:
            return [program, "-m", "mypy"]
    return None


def test_mypy(tmp_path):
    program = mypy()
    if program is None:
        pytest.skip("no mypy: install the Debian package mypy")
    done = subprocess.run(
        [*program, "--strict", "--ignore-missing-imports", f"--cache-dir={tmp_path}", "--no-error-summary",
         "--python-version=3.10", *map(str, EXAMPLES), str(ROOT / "examples" / "benchmark_gpu.py")],
        env=environment(MYPYPATH=str(ROOT / "python")), capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pyright():
    program = os.environ.get("MIEN_PYRIGHT") or shutil.which("pyright")
    if program is None:
        pytest.skip("no pyright: pip install pyright")
    done = subprocess.run([*program.split(), "--pythonpath", sys.executable, *map(str, EXAMPLES)],
                          env=environment() | {"PYTHONPATH": str(ROOT / "python")}, capture_output=True, text=True,
                          check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


