"""The command mien, which the package brings along."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys

from .errors import NotFoundError


def find_program() -> str:
    """The program beside this package; in a build without it, the one on the PATH."""
    beside = pathlib.Path(__file__).resolve().parent / "bin" / "mien"
    if beside.is_file():
        return str(beside)
    found = os.environ.get("MIEN_BINARY") or shutil.which("mien")
    # Its own start script is no program.
    if found and pathlib.Path(found).resolve() != pathlib.Path(sys.argv[0]).resolve():
        return found
    raise NotFoundError("the program mien is not part of this build of the package: install the wheel of ./dev wheel")


def main() -> None:
    """Becomes the program."""
    try:
        program = find_program()
    except NotFoundError as error:
        sys.exit(f"mien: {error}")
    os.execv(program, ["mien", *sys.argv[1:]])
