"""docs/gpu.md: its tables say what the code's tables say, and its commands run."""

import datetime
import re

import pytest

from documents import ROOT, blocks

PATH = ROOT / "docs" / "gpu.md"
KINDS = ("runs", "hardware", "root", "network", "container")


def rows(heading):
    """Cells of the first table below a heading, its head left out."""
    section = PATH.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = re.search(r"^\|.*?(?=^[^|]|\Z)", section, re.M | re.S)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def remedies():
    """Fragment, what, pip, apt, advice of each row of the code."""
    table = (ROOT / "src/backends/remedy.cpp").read_text().split("kRemedies = ")[1].split("\n});")[0]
    found = re.findall(r'\{("(?:[^"]|"\s*,\s*")*")\}', table)
    return [(re.findall(r'"([^"]*)"', row) + [""])[:5] for row in found]


def table_of_remedies():
    lines = []
    for fragment, what, pip, apt, advice in remedies():
        todo = [f"install `{pip}` of PyPI"] if pip else []
        todo += [f"install the package `{apt}`"] if apt else []
        todo += [advice] if advice else []
        lines.append(f"| `{fragment}` | {what or '-'} | {'; '.join(todo)} |")
    return lines


def test_every_remedy_is_in_the_table():
    assert len(remedies()) == (ROOT / "src/backends/remedy.cpp").read_text().count('\n    {"') >= 30
    text = PATH.read_text()
    assert [line for line in table_of_remedies() if line not in text] == []
    documented = [cells[0].strip("`") for cells in rows("When something goes wrong")]
    assert documented == [row[0] for row in remedies()]


def test_the_operations_are_those_of_the_code():
    text = (ROOT / "include/mien/settings.h").read_text()
    found = [(name, name.upper() + "_GPU", owns)
             for name, owns in re.findall(r'\{Operation::\w+, "(\w+)",\s*"([^"]+)"\}', text)]
    assert len(found) >= 5
    assert [(name.strip("`"), flag.strip("`"), owns) for name, flag, owns in rows("What runs where")] == found


def test_the_backends_are_those_of_the_code():
    text = (ROOT / "src/backends/backend.cpp").read_text().split("Backend& backend")[0]
    names = re.findall(r'\.name = "(\w+)"', text)
    packages = [" ".join(pair) for pair in re.findall(r'\.package = "([^"]+)",\s*\.version = "([^"]+)"', text)]
    assert len(names) >= 5
    documented = rows("What was tried")
    assert [cells[0].strip("`") for cells in documented] == names
    assert [cells[1] for cells in documented if cells[1] != "-"] == packages
    order = re.search(r"`auto` tries ([^:.]+)", PATH.read_text())[1]
    by_name = re.findall(r'\.name = "(\w+)"(?:(?!\.name =).)*?\.by_name_only = true', text, re.S)
    assert re.findall(r"`(\w+)`", order) == [name for name in names if name not in by_name]


def test_what_was_tried_has_a_date():
    for cells in rows("What was tried"):
        for cell in cells[2:]:
            dates = re.findall(r"\d{4}-\d\d-\d\d", cell)
            assert dates or "not tried" in cell or cell == "-", cell
            assert all(datetime.date.fromisoformat(date) for date in dates)


def test_every_block_says_what_it_needs():
    found = blocks(PATH)
    assert len(found) == PATH.read_text().count("```sh\n") >= 10
    for block in found:
        assert block.kind in KINDS, f"{block}: no comment before it says what it needs"
        assert block.kind != "runs" or (block.exit is not None and block.contains and not block.rest), block


@pytest.mark.parametrize("block", [block for block in blocks(PATH) if block.kind == "runs"], ids=repr)
def test_command(run, block):
    done = run(block.script)
    assert done.returncode == block.exit, done.stdout
    for words in block.contains:
        assert words in done.stdout, done.stdout


def test_its_settings_are_settings(run):
    table = run("mien config").stdout
    names = set(re.findall(r"`((?:MIEN_|GPU_|ALL_GPU)\w*)(?:=\S*)?`", PATH.read_text()))
    assert len(names) >= 8
    assert [name for name in names if f"\n{name} " not in table] == []
