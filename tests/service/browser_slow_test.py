"""The page at / in a real browser: what takes a minute and more. browser_test.py has the rest."""

import pytest

from browser_test import check_barriers, write_many
from browsing import look, needs_browser

pytestmark = needs_browser


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_barriers_in_either_theme(service, tmp_path, theme, width):
    check_barriers(service, tmp_path, theme, width)


def test_five_hundred_photos(service, tmp_path):
    seen = look(service, "manyPhotos", tmp_path, files=write_many(tmp_path, 500))
    assert seen["openMost"] <= 4 and seen["thumbs"] == [60, 60] and seen["nodes"] < 1500
    assert seen["summary"].startswith("500 of 500 photos done")
