"""The pages that people read first: no sentence over 35 words, and what they name is there."""

import re

import pytest

from documents import ROOT, sentences

WORDS_MAX = 35
PAGES = ("README.md", "ARCHITECTURE.md", "docs/guide.md", "src/README.md")


def too_long(text):
    return [sentence for sentence in sentences(text) if len(sentence.split()) > WORDS_MAX]


def test_the_rule_can_fail():
    full = "A " + "b " * (WORDS_MAX - 2) + "c."
    long = "A " + "b " * (WORDS_MAX - 1) + "c."
    assert too_long(f"{full} {full}\n\n- {full}\n- {full}\n") == []
    assert too_long(f"| {long} |\n\n```sh\n{long}\n```\n\n<!-- {long} -->\n") == []
    assert too_long(f"{full} {long}\n{full}\n") == [long]
    assert too_long(f"- {full}\n- [**{long}**](a.md)\n") == [f"**{long}**"]


def test_sentences_end_where_readers_see_it():
    text = "# Head\n\nOne of 1.5 in `a.b` is\nfirst. docs/a.md is (second.) Third:\n\n1. fourth\n2. fifth\n"
    expected = ["One of 1.5 in `a.b` is first.", "docs/a.md is (second.)", "Third:", "fourth", "fifth"]
    assert list(sentences(text)) == expected


@pytest.mark.parametrize("page", PAGES)
def test_no_sentence_is_too_long(page):
    assert too_long((ROOT / page).read_text()) == []


# ---- What these pages name is there


def missing_files(text, folders=("",)):
    """Paths to files, in code or bare, that lie in none of the folders."""
    names = re.findall(r"(?<![\w/.*~-])((?:[\w-]+/)*[\w-]+\.(?:cpp|h|md|py|map))\b(?!\()", text)
    return [name for name in names if not any((ROOT / folder / name).is_file() for folder in folders)]


def missing_functions(text):
    """Of the table of steps: a group of functions is in the file of the same place."""
    for row in re.findall(r"^\| .* \| .*`.* \| `src/.* \|$", text, re.M):
        functions, files = row.strip("| ").split(" | ")[1:]
        for group, file in zip(functions.split("; "), files.split("; "), strict=True):
            source = (ROOT / file.strip("`")).read_text()
            yield from (name for name in re.findall(r"`(\S+)`", group) if not re.search(rf"\b{name}\b", source))


def test_the_search_for_names_can_fail():
    assert missing_files("`src/base/file.h`, docs/gpu.md, `file.h`", ("", "src/base")) == []
    assert missing_files("`src/base/file.h`, docs/none.md, `none.h`.", ("", "src/base")) == ["docs/none.md", "none.h"]
    row = "| step | `scan`{}; `append` | `src/scan/scan.cpp`; `src/records/output.cpp` |"
    assert list(missing_functions(row.format(""))) == []
    assert list(missing_functions(row.format(", `scam`"))) == ["scam"]


def test_files_that_are_named_are_there():
    for page in ("README.md", "CONTRIBUTING.md"):
        assert missing_files((ROOT / page).read_text()) == []
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert missing_files(text, ("", "src/pipeline", "src/device")) == []
    assert text.count("`src/") > 50
    folders = re.findall(r"^- \*\*(\w+)\*\* (.*?)(?=^- |\Z)", (ROOT / "src/README.md").read_text(), re.M | re.S)
    assert len(folders) > 10
    for folder, sentence in folders:
        assert missing_files(sentence, ("", f"src/{folder}")) == [], folder
        assert len(list(sentences(sentence))) == 1, folder


def test_functions_of_the_traced_photo_are_there():
    text = (ROOT / "ARCHITECTURE.md").read_text().split("## One photo")[1].split("\n## ")[0]
    assert text.count("| `src/") > 12
    assert list(missing_functions(text)) == []
