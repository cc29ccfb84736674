"""python -m mien.insightface PROGRAM [ARGUMENTS]: runs a program that imports insightface on mien."""

from __future__ import annotations

import runpy
import sys

from .switch import install

USAGE = """usage: python -m mien.insightface PROGRAM.py [ARGUMENTS...]
       python -m mien.insightface -m MODULE [ARGUMENTS...]"""


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or (arguments[0] == "-m" and len(arguments) < 2) or arguments[0] in ("-h", "--help"):
        sys.exit(USAGE if not arguments or arguments[0] == "-m" else print(USAGE))
    install()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
