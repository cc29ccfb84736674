"""The table of components that the SBOM is made of says what docs/dependencies.md says."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def rows_of_cmake(variable: str) -> list[list[str]]:
    text = (ROOT / "cmake/components.cmake").read_text()
    block = re.search(rf"set\({variable}\n(.*?)\n\)", text, re.S).group(1)
    return [row.split("|") for row in re.findall(r'"([^"]+)"', block)]


def rows_of_docs(heading: str) -> list[list[str]]:
    text = (ROOT / "docs/dependencies.md").read_text()
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_product():
    table = {name: licence for name, licence, *_ in rows_of_cmake("MIEN_COMPONENTS")}
    assert table == {row[0]: row[-1] for row in rows_of_docs("In the product")}


def test_models():
    documented = {row[0].strip("`"): row for row in rows_of_docs("Models")}
    for _, licence, file, origin in rows_of_cmake("MIEN_MODELS"):
        row = documented[f"models/{file}.onnx"]
        assert row[3].split(";")[0] == licence
        assert row[1].replace("`", "") == origin


def test_kinds():
    for name, _, how, *_ in rows_of_cmake("MIEN_COMPONENTS"):
        assert how in ("inside", "bundled", "linked", "opened"), name
