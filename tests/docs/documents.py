"""Commands out of Markdown: ```sh blocks, each with a comment before it that says what to expect."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"^(?:<!-- (?P<kind>\w+): (?P<expected>.*?) -->\n)?```sh\n(?P<script>.*?)^```$"
    r"(?:\n```text\n(?P<output>.*?)^```$)?",
    re.M | re.S,
)
CONTAINS = re.compile(r'contains="((?:\\.|[^"\\])*)"')


class Block:
    """A ```sh block, and what the comment before it expects."""

    def __init__(self, found, text):
        self.kind = found["kind"]
        self.script = found["script"]
        self.output = found["output"] or ""  # of a ```text block right behind it
        self.line = text.count("\n", 0, found.start()) + 1
        expected = found["expected"] or ""
        exit_code = re.search(r"exit=(\d+)", expected)
        self.exit = int(exit_code[1]) if exit_code else None
        self.contains = [word.replace('\\"', '"') for word in CONTAINS.findall(expected)]
        self.rest = CONTAINS.sub("", re.sub(r"exit=\d+", "", expected)).strip()

    def __repr__(self):
        return f"line{self.line}"


def blocks(path):
    text = path.read_text()
    return [Block(found, text) for found in BLOCK.finditer(text)]


def folded(text):
    return " ".join(text.split())


def sentences(text):
    """The sentences of the prose: neither code nor tables, headings, quotes, pictures or comments."""
    text = re.sub(r"^```.*?^```$|<!--.*?-->|^(?:\||#+ |> |!\[).*?$", "", text, flags=re.M | re.S)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    for part in re.split(r"\n\s*\n|^\s*(?:-|\d+\.) ", text, flags=re.M):
        yield from filter(None, re.split(r"(?<=[.!?]) |(?<=[.!?][)*\"]) ", folded(part)))
