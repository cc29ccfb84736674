"""What process_test.py looks at for seconds, for longer."""

import sys

import pytest

from growth import grown


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_hundred_thousand_calls(tiny):
    # 26 bytes left by each would be 2.5 MB.
    assert grown(tiny, 100_000) < 2.5
