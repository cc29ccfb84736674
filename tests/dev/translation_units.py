"""Prints what a build compiles of src, a path a line, the longest first: files, and those that cmake/unity.cmake put
together.

    translation_units.py BUILD
"""

import json
import re
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"
INCLUDED = re.compile(r'^#include "(.+\.cpp)"$', re.MULTILINE)


def bytes_of(unit: Path) -> int:
    """Of the unit, or of the files that it puts together."""
    return sum(Path(name).stat().st_size for name in INCLUDED.findall(unit.read_text())) or unit.stat().st_size


def units_of(build: Path) -> list[Path]:
    compiled = {Path(row["file"]) for row in json.loads((build / "compile_commands.json").read_text())}
    unity = (build / "src/CMakeFiles").resolve()
    ours = [path for path in compiled if {SOURCE, unity} & set(path.parents)]
    return sorted(ours, key=lambda path: (-bytes_of(path), path))


print(*units_of(Path(sys.argv[1])), sep="\n")
