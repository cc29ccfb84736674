"""docs/claims.md: every promise of the README is quoted there, and the quick rows still hold."""

import datetime
import re

import pytest

from documents import ROOT, blocks, folded, sentences

PATH = ROOT / "docs" / "claims.md"
PAGE = PATH.read_text()
README = (ROOT / "README.md").read_text()


def rows(text):
    """Name and text of each row."""
    return dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", text, re.M | re.S))


def quotes(text):
    """What is quoted from the README; a comment in a block of code is quoted as code."""
    found = re.findall(r"(?:^> .*\n?)+", text, re.M)
    unmarked = [folded(re.sub(r"^> ", "", quote, flags=re.M)) for quote in found]
    return [quote.strip("`") if quote.startswith("`# ") else quote for quote in unmarked]


def promises(readme):
    """Each sentence, each line of a table with a figure in it, and each comment beside a command."""
    tables = [folded(line) for line in re.findall(r"^\|.*$", readme, re.M) if re.search(r" \d", line)]
    code = re.findall(r"^```(\w*)\n(.*?)^```$", readme, re.M | re.S)
    commands = "".join(block for language, block in code if not language)
    return [*sentences(readme), *tables, *re.findall(r"# .*$", commands, re.M)]


def missing_promises(readme, quoted):
    return [promise for promise in promises(readme) if not any(promise in quote for quote in quoted)]


def missing_quotes(readme, quoted):
    whole = folded(readme)
    return [quote for quote in quoted if quote not in whole]


def pattern(line):
    return ".*".join(re.escape(part.strip()) for part in line.split("..."))


def missing_line(expected, output):
    """The first expected line that does not come, in this order, in the output; ... stands for anything."""
    lines = iter(output.splitlines())
    for wanted in expected.splitlines():
        if not any(re.search(pattern(wanted), line) for line in lines):
            return wanted
    return None


def test_the_comparison_can_fail():
    assert missing_line("a...c\nd", "x\nabbc\nd\n") is None
    assert missing_line("d\na...c", "x\nabbc\nd\n") == "a...c"
    assert missing_line("1.5", "105") == "1.5"


def test_the_search_for_promises_can_fail():
    readme = "It does a. It does\nb.\n\n| c | 1 |\n\n```\nd   # does d\n```\n"
    page = "### a\n\n> It does a.\n\n> `# does d`\n\nText.\n\n### b\n\n> It does b.\n\n## End\n\n> | c | 1 |\n"
    assert list(rows(page)) == ["a", "b"]
    assert quotes(page) == ["It does a.", "# does d", "It does b.", "| c | 1 |"]
    assert missing_promises(readme, quotes(page)) == missing_quotes(readme, quotes(page)) == []
    assert missing_promises(readme, quotes(page)[:1]) == ["It does b.", "| c | 1 |", "# does d"]
    assert missing_quotes(readme, ["It does b.", "It does c."]) == ["It does c."]


def test_every_row_quotes_the_readme():
    assert len(rows(PAGE)) == PAGE.count("\n### ") >= 35
    for name, row in rows(PAGE).items():
        assert quotes(row), name
    assert missing_quotes(README, quotes(PAGE)) == []


def test_every_promise_of_the_readme_is_quoted():
    assert missing_promises(README, quotes(PAGE)) == []


def test_figures_and_bullets_have_a_row():
    """They are where promises are made: no sentence without a command is enough for them."""
    use = README.split("## Use")[1].split("## More")[0]
    bullets = "".join(re.findall(r"^- \*\*.*?(?=^- |\n\n)", use, re.M | re.S))
    in_rows = [quote for row in rows(PAGE).values() for quote in quotes(row)]
    assert len(promises(bullets)) > 8
    assert missing_promises(bullets, in_rows) == []
    figures = [promise for promise in missing_promises(README, in_rows) if re.search(r"(?<![\w+.-])\d", promise)]
    assert figures == []


def test_every_row_is_complete():
    for name, row in rows(PAGE).items():
        assert "```sh\n" in row and "```text\n" in row, name
    for block in blocks(PATH):
        assert block.kind in ("runs", "slow") and block.exit is not None and block.output, block
        if block.kind == "slow":
            date = datetime.date.fromisoformat(re.fullmatch(r"date=(\S+)", block.rest)[1])
            assert date <= datetime.date.today() + datetime.timedelta(days=1), block
        else:
            assert not block.rest, block


@pytest.mark.parametrize("block", [block for block in blocks(PATH) if block.kind == "runs"], ids=repr)
def test_claim(run, block):
    done = run(block.script)
    assert done.returncode == block.exit, done.stdout
    assert missing_line(block.output, done.stdout) is None, done.stdout
