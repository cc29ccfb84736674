"""The library's log lines, as lines of the logger `mien`.

They reach whatever handlers the program has set up. Where LOG_LEVEL or DEBUG is set and the program has set up none,
they are written to standard error as the command mien writes them: "INFO - message".
"""

from __future__ import annotations

import logging

from . import _mien

logger = logging.getLogger("mien")
_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)


def hand_on(level: int, line: str) -> None:
    """Called by the module for each line, which begins with the name of its level."""
    logger.log(_LEVELS[level], "%s", line.partition(" - ")[2] or line)


def follow(settings: _mien.NativeSettings) -> None:
    """Logs at the level that the settings ask for."""
    level = logging.getLevelName(settings.log_level)
    is_asked = any(value.name in ("LOG_LEVEL", "DEBUG") and value.source != "default" for value in settings.values)
    _mien.set_log_level(settings.log_level)
    if not is_asked:
        return
    logger.setLevel(level)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s - %(message)s"))
        logger.addHandler(handler)
