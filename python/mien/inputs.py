"""What programs have pictures in: paths, open files, PIL images. Bytes and arrays are read by the library itself."""

from __future__ import annotations

import os
from typing import Any

from .errors import Error, FileError, InvalidArgumentError, NotFoundError

FILE_BYTES_MAX = 256 << 20  # as the library's own limit


def read_image(image: object) -> tuple[object, str | None]:
    """The bytes of an image file, or pixels and the order of their colours."""
    if isinstance(image, (str, os.PathLike)):
        return read_file(image), None
    if hasattr(image, "getexif") and hasattr(image, "mode"):
        return read_pil(image)
    read = getattr(image, "read", None)
    if callable(read):
        content = read(FILE_BYTES_MAX + 1)
        if isinstance(content, (bytes, bytearray)):
            return bytes(content), None
        raise InvalidArgumentError("an image file must be opened for bytes: open(path, 'rb')")
    raise InvalidArgumentError(
        f"{type(image).__name__} is no image: give bytes, a path, an open file, a numpy array of uint8 or a PIL image"
    )


def read_file(path: str | os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        kind = NotFoundError if isinstance(error, FileNotFoundError) else FileError
        raise kind(error.errno, error.strerror, error.filename) from None


def name_file(error: Error, image: object) -> Error:
    """The error, which names the file where the image was given as a path."""
    if not isinstance(image, (str, os.PathLike)) or isinstance(error, OSError):
        return error
    path = os.fspath(image)
    return error if str(path) in str(error) else type(error)(f"{path!s}: {error}")


def read_pil(image: Any) -> tuple[object, str | None]:
    """Upright pixels of a PIL image. PIL keeps them where nobody else can read them: this copies once."""
    import numpy
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode not in ("RGB", "L"):
        upright = upright.convert("RGB")
    return numpy.asarray(upright), "rgb"


def image_list(images: Any) -> list[object]:
    """The images of a batch; one image alone is a mistake that is easily made."""
    if isinstance(images, (bytes, bytearray, memoryview, str)):
        raise InvalidArgumentError("a batch is a list of images: put the image into a list")
    return list(images)
