"""`pip install .` from a checkout makes the whole package. It compiles everything, hence the label slow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPS = Path(os.environ.get("MIEN_TEST_DEPS", ROOT / ".deps")).resolve()
TOOLS = DEPS / "python"
PROGRAM = "import mien; print(mien.__file__, [len(mien.analyze('photos/obama.jpg')), mien.__version__])"


def test_pip_install(tmp_path):
    if not (TOOLS / "scikit_build_core").is_dir():
        pytest.skip("no scikit-build-core in .deps/python: ./dev wheel fetches it")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--target",
                    str(tmp_path), "."], env=os.environ | {"PYTHONPATH": str(TOOLS)}, cwd=ROOT, check=True)
    package = tmp_path / "mien"
    for file in ("bin/mien", "libexec/mien/mien-decoder", "lib/libmien.so.0.1", "share/mien/record.schema.json",
                 "share/mien/models/centerface.onnx", "share/mien/models/fr_feature.onnx", "py.typed", "_mien.pyi"):
        assert (package / file).is_file(), file
    assert len(list((package / "lib" / "mien").glob("libonnxruntime.so.*"))) == 1
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, cwd=DEPS, capture_output=True, text=True,
                          check=True)
    assert done.stdout.startswith(f"{package}/__init__.py [1, "), done.stdout
    done = subprocess.run([package / "bin" / "mien", "faces", "photos/obama.jpg"], env=environment, cwd=DEPS,
                          capture_output=True, text=True, check=True)
    assert "obama.jpg" in done.stdout
