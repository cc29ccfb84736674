"""Faces cut out and turned upright."""

from __future__ import annotations

from typing import Any

from ... import _mien
from ...errors import InvalidArgumentError


def norm_crop(img: Any, landmark: Any, image_size: int = 112, mode: str = "arcface") -> Any:
    """The face in a square of `image_size` pixels (a multiple of 112 or 128), colours in the order of `img`."""
    if mode != "arcface":
        raise InvalidArgumentError(f"mode='{mode}' is not known: use 'arcface'")
    return _mien.align_face(img, "bgr", [(float(x), float(y)) for x, y in landmark], image_size)
