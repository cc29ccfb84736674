"""What docs/api.md and the headers promise to compilers: its programs compile, and each header alone."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
C = ["cc", "-std=c99", "-pedantic", "-x", "c"]
CPP = ["c++", "-std=c++20", "-pedantic", "-x", "c++"]


def compiles(command: list[str], text: str) -> None:
    flags = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT}/include", "-"]
    done = subprocess.run(command + flags, input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


HEADERS = sorted(path.relative_to(ROOT / "include/mien").as_posix() for path in (ROOT / "include/mien").rglob("*.h"))


def programs(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/api.md").read_text(), re.S)


def test_programs_of_the_document():
    assert programs("c") and programs("cpp")
    for text in programs("c"):
        compiles(C, text)
    for text in programs("cpp"):
        compiles(CPP, text)


@pytest.mark.parametrize("header", HEADERS)
def test_every_header_stands_alone(header):
    compiles(CPP, f"#include <mien/{header}>\n#include <mien/{header}>\n")


@pytest.mark.parametrize("header", ["mien.h", "export.h"])
def test_headers_for_c_are_c99(header):
    compiles(C, f"#include <mien/{header}>\n#include <mien/{header}>\nint unit_is_not_empty;\n")


def test_the_header_says_the_version_of_the_build():
    version = re.search(r"project\(mien VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    assert f'#define MIEN_HEADER_VERSION "{version}"' in (ROOT / "include/mien/mien.h").read_text()
