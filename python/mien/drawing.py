"""A picture with what was found in it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from . import _mien, inputs
from .errors import InvalidArgumentError
from .settings import get_settings

if TYPE_CHECKING:
    from PIL.Image import Image

BOX_COLOUR = (46, 204, 113)
POINT_COLOUR = (231, 76, 60)


def draw(analysis: _mien.Analysis, image: object = None, colours: str | None = None) -> Image:
    """The upright picture with a box a face and its landmarks. Needs Pillow."""
    if image is None:
        image = getattr(analysis, "_source", None)
        colours = getattr(analysis, "_colours", None)
    if image is None:
        raise InvalidArgumentError("what this analysis was made from is not known any more: give draw() the image")
    try:
        from PIL import ImageDraw
    except ImportError as error:
        raise ImportError("draw() needs Pillow: pip install pillow") from error
    picture = open_upright(analysis, image, colours)
    pen = ImageDraw.Draw(picture)
    width = max(1, round(max(picture.size) / 300))
    for face in analysis.faces:
        pen.rectangle([float(value) for value in face.bbox], outline=BOX_COLOUR, width=width)
        for x, y in face.landmarks if face.landmarks is not None else ():
            pen.ellipse((x - width, y - width, x + width, y + width), fill=POINT_COLOUR)
    return picture


def open_upright(analysis: _mien.Analysis, image: Any, colours: str | None) -> Image:
    from PIL import Image

    if hasattr(image, "getexif"):
        return inputs.upright_pil(image).convert("RGB")
    if hasattr(image, "shape") and len(image.shape) > 1:
        pixels = image
        if pixels.ndim == 3 and colours == "bgr":
            pixels = pixels[..., [2, 1, 0]]
        return Image.fromarray(pixels[..., :3] if pixels.ndim == 3 else pixels).convert("RGB")
    # Every format that mien reads, as a JPEG, which Pillow reads.
    whole = [0.0, 0.0, float(analysis.width), float(analysis.height)]
    jpeg = _mien.crop_face(image, whole, 0.0, _mien.open_input(get_settings().native))
    return Image.open(io.BytesIO(jpeg)).convert("RGB")
