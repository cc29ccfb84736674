"""docs/claims.md: every claim of the README has a row there, and the quick ones still hold."""

import datetime
import re

import pytest

from documents import ROOT, blocks

PATH = ROOT / "docs" / "claims.md"


def claims_of_readme():
    return " ".join(re.findall(r"<!-- claim: (.*?) -->", (ROOT / "README.md").read_text())).split()


def rows():
    """Name and text of each row."""
    return dict(re.findall(r"^### (\S+)\n(.*?)(?=^### |\Z)", PATH.read_text(), re.M | re.S))


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


def test_readme_and_claims_are_in_step():
    claims = claims_of_readme()
    assert len(claims) == len(set(claims)) >= 25
    assert sorted(claims) == sorted(rows())


def test_each_paragraph_of_the_readme_that_describes_mien_has_a_claim():
    """Bullets and figures are where promises are made; one without a claim was forgotten."""
    use = (ROOT / "README.md").read_text().split("## Use")[1].split("## More")[0]
    for bullet in re.findall(r"^- \*\*.*?(?=^- |\n\n)", use, re.M | re.S):
        assert "<!-- claim: " in bullet, bullet


def test_every_row_is_complete():
    for name, row in rows().items():
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
