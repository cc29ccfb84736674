"""The table of components that the SBOM is made of says what docs/dependencies.md says."""

import json
import re
import subprocess
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


def test_a_build_without_a_library_does_not_list_it(tmp_path):
    """As where the -dev packages of codecs are missing: what find_path gives then is no folder."""
    script = tmp_path / "sbom.cmake"
    script.write_text(f"""
        find_program(PKG_CONFIG_EXECUTABLE pkg-config)
        set(PROJECT_VERSION 1.2.3)
        set(MIEN_HAVE_WEBP ON)
        set(MIEN_HAVE_GIF OFF)
        set(MIEN_GIF_INCLUDE MIEN_GIF_INCLUDE-NOTFOUND)
        include({ROOT}/cmake/sbom.cmake)
        mien_write_sbom({tmp_path}/mien.spdx.json)
    """)
    made = subprocess.run(["cmake", "-P", str(script)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    names = {package["name"] for package in json.loads((tmp_path / "mien.spdx.json").read_text())["packages"]}
    optional = {name for name, *_, option in (row for row in rows_of_cmake("MIEN_COMPONENTS") if len(row) > 5)}
    assert "giflib" in optional and names & optional == {"libwebp"}
    assert {"libjpeg-turbo", "ONNX Runtime"} <= names
