#!/usr/bin/env python3
"""Holds the objects of a build to the order of src/README.md, by their symbols: a public header hides who defines what.

    tests/symbols_test.py BUILD [README]  proves that the rules can fail, then checks the objects; exit code 1 with the
                                          findings. README is the list of folders, src/README.md where none is named
    tests/symbols_test.py --self-test     the proof alone

No object uses a symbol that only a later folder defines. Folders that use one another in a circle cannot be put in an
order, so that this finds them too. What stands outside uses only what include/mien declares, that is, what the shared
library shows; the service uses `base` besides, and the command line the service.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

from tidy_test import BINDINGS, SERVICE, folders_in_order

OUTSIDE = [*BINDINGS, "python", SERVICE]
OPEN_TO = {"cli": SERVICE, SERVICE: "base"}  # what one of them uses besides
OUTPUT = re.compile(r" -o ((?:src|python)/\S+\.o) ")
UNITY = re.compile(r"^Unity/unity_([a-z]+)_(\w+)_cxx\.cxx\.o$")  # several files of a folder (cmake/unity.cmake)


@dataclass
class Object:
    """The symbols of one object file."""
    name: str  # folder/file, as the build names it
    used: set[str] = field(default_factory=set)
    defined: dict[str, bool] = field(default_factory=dict)  # is it shown by a shared library?

    @property
    def folder(self) -> str:
        return self.name.split("/")[0]


def read_symbols(listing: str, names: list[str]) -> list[Object]:
    """Reads what readelf says of the objects with these names, in their order."""
    objects: list[Object] = []
    for line in listing.splitlines():
        columns = line.split()
        if line.startswith("File: "):
            objects.append(Object(names[len(objects)]))
        elif len(columns) >= 8 and columns[0][:-1].isdigit() and columns[4] != "LOCAL":
            visibility, section, name = columns[5], columns[6], columns[-1]
            if section == "UND":
                objects[-1].used.add(name)
            else:
                objects[-1].defined[name] = visibility == "DEFAULT"
    return objects


def findings(objects: list[Object], order: list[str]) -> Iterator[str]:
    # What is inline or a template is defined wherever it is used, so that one symbol can have several folders.
    definers: dict[str, set[str]] = {}
    shown: set[str] = set()
    for unit in objects:
        for name, is_shown in unit.defined.items():
            definers.setdefault(name, set()).add(unit.folder)
            if is_shown:
                shown.add(name)
    for unit in objects:
        if unit.folder not in order and unit.folder not in OUTSIDE:
            yield f"{unit.name}: its folder has no place in the order"
            continue
        for name in sorted(unit.used & definers.keys()):
            folders = definers[name]
            if unit.folder in folders:
                continue
            use = f"{unit.name} uses {name} of {', '.join(sorted(folders))}"
            if unit.folder in OUTSIDE:
                if name not in shown and OPEN_TO.get(unit.folder) not in folders:
                    yield f"{use}, which include/mien does not declare"
            elif not folders & set(order[:order.index(unit.folder)]):
                yield f"{use}, which comes after it"


def read_objects(build: Path) -> list[Object]:
    """The objects of src and of the Python package. Those of files that are gone still lie in the folder: the list of
    commands says which count."""
    commands = [row["command"] for row in json.loads((build / "compile_commands.json").read_text())]
    outputs = [match.group(1) for match in map(OUTPUT.search, commands) if match]
    names = [output.partition(".dir/")[2] if output.startswith("src/") else output for output in outputs]
    names = [UNITY.sub(r"\1/unity_\2.o", name) for name in names]
    # What protoc writes lies in no folder: it is of src/device/onnx_subset.proto.
    names = [name if "/" in name else f"device/{name}" for name in names]
    listing = subprocess.run(["readelf", "--symbols", "--wide", *outputs], cwd=build, stdout=subprocess.PIPE, text=True)
    if listing.returncode != 0:
        sys.exit(f"symbols: {build} is not built whole")
    return read_symbols(listing.stdout, names)


def readable(text: str) -> str:
    return subprocess.run(["c++filt", "--no-params"], input=text, capture_output=True, text=True, check=True).stdout


def listing_of(*rows: str) -> str:
    """What readelf says of objects, each in short: `U used T shown t hidden w inline l local`."""
    kinds = {"U": "NOTYPE  GLOBAL DEFAULT  UND", "T": "FUNC    GLOBAL DEFAULT    4", "t": "FUNC    GLOBAL HIDDEN     4",
             "w": "FUNC    WEAK   HIDDEN     5", "l": "FUNC    LOCAL  DEFAULT    4"}
    text = ""
    for row in rows:
        text += "\nFile: a.o\n\nSymbol table '.symtab' contains 4 entries:\n   Num: Value Size Type Bind Vis Ndx Name\n"
        words = row.split()
        for number, (kind, name) in enumerate(zip(words[::2], words[1::2])):
            text += f"    {number:2}: 0000000000000000     0 {kinds[kind]} {name}\n"
    return text


def self_test() -> list[str]:
    order = ["base", "device", "ops"]
    # Objects by their names, and what the one finding must hold; empty where nothing may be found.
    cases: list[tuple[dict[str, str], str]] = [
        ({"base/a.o": "t f", "ops/b.o": "U f", "device/c.o": "U f U memcpy"}, ""),
        ({"base/a.o": "w f l g", "device/b.o": "w f", "ops/c.o": "w f U f l g"}, ""),
        ({"base/a.o": "U f", "base/b.o": "w f", "ops/c.o": "w f"}, ""),
        ({"device/a.o": "U f", "base/b.o": "w f", "ops/c.o": "w f"}, ""),
        ({"cli/a.o": "U f", "capi/a.o": "U f", "python/a.o": "U f", "ops/b.o": "T f"}, ""),
        ({"base/a.o": "U f", "ops/b.o": "T f"}, "base/a.o uses f of ops"),
        ({"base/a.o": "U f", "device/b.o": "w f", "ops/b.o": "w f"}, "base/a.o uses f of device, ops"),
        ({"base/a.o": "l f", "device/a.o": "U f", "ops/b.o": "T f"}, "device/a.o uses f of ops"),
        ({"base/a.o": "U f t g", "device/b.o": "t f U g"}, "base/a.o uses f of device"),
        ({"ops/a.o": "U f", "cli/b.o": "T f"}, "ops/a.o uses f of cli"),
        ({"cli/a.o": "U f", "ops/b.o": "t f"}, "include/mien does not declare"),
        ({"cli/a.o": "U f U g", "service/b.o": "t f U h", "base/c.o": "t h", "ops/d.o": "T g"}, ""),
        ({"service/a.o": "U f", "ops/b.o": "t f"}, "service/a.o uses f of ops, which include/mien does not declare"),
        ({"capi/a.o": "U f", "service/b.o": "t f"}, "capi/a.o uses f of service"),
        ({"ops/a.o": "U f", "service/b.o": "t f"}, "ops/a.o uses f of service"),
        ({"misc/a.o": "t f"}, "misc/a.o: its folder has no place"),
    ]
    failures = []
    for rows, wanted in cases:
        found = list(findings(read_symbols(listing_of(*rows.values()), list(rows)), order))
        if (len(found) != 1 or wanted not in found[0]) if wanted else found:
            failures.append(f"self-test: {rows}: found {found}, not {wanted!r}")
    return failures


def main(arguments: list[str]) -> int:
    found = self_test()
    count = 0
    if arguments != ["--self-test"]:
        build = Path(arguments[0])
        readme = Path(arguments[1]) if arguments[1:] else Path(__file__).resolve().parent.parent / "src/README.md"
        order = [folder for folder in folders_in_order(readme.read_text()) if folder not in [*BINDINGS, SERVICE]]
        objects = read_objects(build)
        count = len(objects)
        found += findings(objects, order)
    print(readable("".join(f"{line}\n" for line in found)), end="")
    print(f"symbols: {len(found)} findings in {count} objects" if found else f"symbols: {count} objects keep the order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
