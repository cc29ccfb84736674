"""python -m mien.bench: the benchmark of the guide, with its options. `mien bench` does the work."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .command import find_program


def main(arguments: Sequence[str] | None = None) -> None:
    """Becomes `mien bench` with the same options."""
    options = list(sys.argv[1:] if arguments is None else arguments)
    sys.stdout.flush()
    os.execv(find_program(), ["mien", "bench", *options])


if __name__ == "__main__":
    main()
