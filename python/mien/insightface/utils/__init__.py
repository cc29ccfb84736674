"""Of insightface.utils: face_align."""

from __future__ import annotations

from . import face_align

DEFAULT_MP_NAME = "buffalo_l"
__all__ = ["DEFAULT_MP_NAME", "face_align"]
