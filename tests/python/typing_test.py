"""The stub of the module is what the module is, and the examples pass the strict checkers."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

from conftest import DEPS, PACKAGE, ROOT, environment

STUB = ROOT / "python" / "mien" / "_mien.pyi"
EXAMPLES = [*sorted((ROOT / "examples" / "python").glob("*.py")), ROOT / "examples" / "benchmark_gpu.py"]


def test_the_stub_is_up_to_date(tmp_path):
    assert (DEPS / "python" / "nanobind").is_dir(), "no nanobind in .deps/python: ./dev test fetches it"
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
    pytest.fail("no mypy: install the Debian package mypy")


# Which members it has, the library says when it is imported.
BACKENDS = """
import mien
one: mien.GPUBackend = mien.GPUBackend.CUDA
same: mien.GPUBackend = mien.GPUBackend("cuda")
values: list[str] = [backend.value for backend in mien.GPUBackend]
"""


def test_mypy(tmp_path):
    backends = tmp_path / "backends.py"
    backends.write_text(BACKENDS)
    done = subprocess.run(
        [*mypy(), "--strict", "--ignore-missing-imports", f"--cache-dir={tmp_path}", "--no-error-summary",
         "--python-version=3.10", *map(str, EXAMPLES), str(backends)],
        env=environment(MYPYPATH=f"{ROOT / 'python'}:{DEPS / 'types'}"), capture_output=True, text=True, check=False,
        cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pyright():
    """As pyproject.toml says: strict, the examples alone, the stubs of Pillow from .deps."""
    program = DEPS / "pyright" / "package" / "index.js"
    assert shutil.which("node") and program.is_file(), "no pyright or no node to run it: ./dev test brings both"
    done = subprocess.run(["node", str(program), "--project", str(ROOT), "--pythonpath", sys.executable,
                           "--outputjson"],
                          env=environment(), capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["summary"]["filesAnalyzed"] == len(EXAMPLES)
