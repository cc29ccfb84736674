"""Writes the types of the module _mien: PYTHONPATH=build/dev/python python3 python/stub.py python/mien/_mien.pyi

nanobind's generator does the work; it is taken from MIEN_NANOBIND, .deps/python or this Python.
"""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.pop(0)  # this folder, where the Python files lie without the module
sys.path += [os.environ.get("MIEN_NANOBIND", str(ROOT / ".deps" / "python"))]

import mien._mien  # noqa: E402
from nanobind.stubgen import StubGen  # noqa: E402

NOTE = "# The types of the module: written by python/stub.py.\n"


def main() -> None:
    generator = StubGen(mien._mien)
    generator.put(mien._mien)
    pathlib.Path(sys.argv[1]).write_text(NOTE + generator.get())


if __name__ == "__main__":
    main()
