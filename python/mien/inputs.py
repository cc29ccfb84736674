"""What programs have pictures in: paths, open files, PIL images. Bytes and arrays are read by the library itself."""

from __future__ import annotations

import contextlib
import io
import operator
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from .errors import BadDataError, Error, FileError, InvalidArgumentError, LimitExceededError, NotFoundError

FILE_BYTES_MAX = 256 << 20  # as the library's own limit
OPEN_FOR_BYTES = "an image file must be opened for bytes: open(path, 'rb')"


def read_image(image: object) -> tuple[object, str | None]:
    """The bytes of an image file, or pixels and the order of their colours."""
    if isinstance(image, (str, os.PathLike)):
        return read_file(image), None
    if hasattr(image, "getexif") and hasattr(image, "mode"):
        return read_pil(image)
    read = getattr(image, "read", None)
    if callable(read):
        content = read_stream(read)
        if isinstance(content, (bytes, bytearray)):
            if not content:
                check_position(image)
            return bytes(content), None
        raise InvalidArgumentError(OPEN_FOR_BYTES)
    raise InvalidArgumentError(
        f"{type(image).__name__} is no image: give bytes, a path, an open file, a numpy array of uint8 or a PIL image"
    )


def read_stream(read: Callable[[int], object]) -> object:
    """What an open file gives. InvalidArgumentError when it is closed or only written to, FileError when it fails."""
    try:
        return read(FILE_BYTES_MAX + 1)
    except io.UnsupportedOperation:
        raise InvalidArgumentError(OPEN_FOR_BYTES) from None
    except Error:
        raise
    except ValueError as error:
        raise InvalidArgumentError(f"the image file cannot be read: {error}") from None
    except OSError as error:
        raise FileError(*error.args) from None


def check_position(stream: Any) -> None:
    """InvalidArgumentError for a stream of which nothing is left, as one that was just written."""
    try:
        position = stream.tell()
    except (AttributeError, OSError, ValueError):
        return
    if position:
        raise InvalidArgumentError("the image file is at its end: rewind it with seek(0), or give its bytes")


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file. InvalidArgumentError for what can be no path, as one with a NUL byte."""
    try:
        with open(path, "rb") as stream:
            return stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        kind = NotFoundError if isinstance(error, FileNotFoundError) else FileError
        raise kind(error.errno, error.strerror, error.filename) from None
    except ValueError as error:
        raise InvalidArgumentError(f"{os.fspath(path)!r} is no path: {error}") from None


def name_file(error: Error, image: object) -> Error:
    """The error, which names the file where the image was given as a path."""
    if not isinstance(image, (str, os.PathLike)) or isinstance(error, OSError):
        return error
    path = os.fspath(image)
    is_named = str(path) in str(error) or repr(path) in str(error)
    return error if is_named else type(error)(f"{path!s}: {error}")


def read_pil(image: Any) -> tuple[object, str | None]:
    """Upright pixels of a PIL image. PIL keeps them where nobody else can read them: this copies once."""
    import numpy

    return numpy.asarray(upright_pil(image)), "rgb"


@contextlib.contextmanager
def pillow_errors() -> Iterator[None]:
    """What Pillow raises, as errors of mien: it reads a file when its pixels are asked for, and fails in many ways."""
    try:
        yield
    except Error:
        raise
    except MemoryError as error:
        raise LimitExceededError(f"Pillow has not enough memory for the image: {error}") from error
    except Exception as error:
        from PIL import Image

        reason = str(error) or type(error).__name__
        if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
            raise LimitExceededError(f"Pillow refuses the image: {reason}") from error
        if "closed" in reason or isinstance(error, AttributeError):
            raise InvalidArgumentError(f"the PIL image or its file is closed: {reason}") from error
        if isinstance(error, OSError) and error.errno is not None:
            raise FileError(*error.args) from error
        raise BadDataError(
            f"Pillow cannot read the image: {reason}; given the bytes or the path of the file, mien reads it as far as "
            "it goes"
        ) from error


def upright_pil(image: Any) -> Any:
    """A PIL image turned as its EXIF says, in mode RGB or L. InvalidArgumentError for modes without a fixed range."""
    with pillow_errors():
        return _upright_pil(image)


def _upright_pil(image: Any) -> Any:
    from PIL import ImageOps

    # A PNG of 16 bits has mode I in older versions of Pillow.
    has_16_bits = image.mode.startswith("I;16") or (image.mode == "I" and getattr(image, "format", None) == "PNG")
    if image.mode in ("I", "F") and not has_16_bits:
        raise InvalidArgumentError(
            f"a PIL image holds 8 or 16 bits a colour, and this one has mode {image.mode}: bring its values to 0..255, "
            "then convert it with .convert('L')"
        )
    upright = ImageOps.exif_transpose(image)
    if has_16_bits:
        return upper_bits(upright)
    return upright if upright.mode in ("RGB", "L") else upright.convert("RGB")


def upper_bits(image: Any) -> Any:
    """Of 16 bits the upper 8, as the library takes them from files: Pillow's own convert() makes white of the rest."""
    import numpy
    from PIL import Image

    samples = numpy.asarray(image)
    if samples.size and samples.max() < 4096:
        warnings.warn(
            "all samples of 16 bits lie in the lowest sixteenth, as values of 12 bits or fewer do that were not "
            "scaled; they are used as stored: bring them to 0..255 for another result",
            RuntimeWarning,
            stacklevel=2,
        )
    return Image.fromarray((samples >> 8).astype(numpy.uint8))


def check_count(name: str, value: Any, least: int) -> int:
    """A number of something. TypeError for what is no number, InvalidArgumentError for one that is too small."""
    count = operator.index(value)
    if count < least:
        raise InvalidArgumentError(f"{name}={value} is not valid: use a whole number from {least} on")
    return count


def image_list(images: Any) -> list[object]:
    """The images of a batch; one image alone is a mistake that is easily made."""
    if isinstance(images, (bytes, bytearray, memoryview, str)):
        raise InvalidArgumentError("a batch is a list of images: put the image into a list")
    return list(images)
