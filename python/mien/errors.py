"""The exceptions of mien: one class a kind of error, all of them mien.Error.

>>> import mien
>>> try:
...     mien.analyze(b"no picture")
... except mien.BadDataError as error:
...     print(error.code)
bad_data
"""

from __future__ import annotations


class Error(Exception):
    """What went wrong, on what, and what to do about it. `code` names the kind, as records and the service do."""

    code = "internal"


class InvalidArgumentError(Error, ValueError):
    """A wrong call, option or setting."""

    code = "invalid_argument"


class NotFoundError(Error, FileNotFoundError):
    """A file, model or device that is not there."""

    code = "not_found"


class FileError(Error, OSError):
    """A file that is there and cannot be read or written."""

    code = "io"


class BadDataError(Error, ValueError):
    """Bytes that are not what they should be."""

    code = "bad_data"


class LimitExceededError(Error, ValueError):
    """Bytes, pixels or time beyond a limit that has a name."""

    code = "limit_exceeded"


class UnsupportedError(Error, RuntimeError):
    """Well-formed, but not built in or not known."""

    code = "unsupported"


class UnavailableError(Error, RuntimeError):
    """A required GPU that is not there."""

    code = "unavailable"


class CancelledError(Error):
    """Stopped by the caller."""

    code = "cancelled"


class InternalError(Error, RuntimeError):
    """A runtime failed, or there is no memory."""

    code = "internal"


ERRORS: dict[str, type[Error]] = {
    kind.code: kind
    for kind in (
        InvalidArgumentError,
        NotFoundError,
        FileError,
        BadDataError,
        LimitExceededError,
        UnsupportedError,
        UnavailableError,
        CancelledError,
        InternalError,
    )
}


def make_exception(code: str, message: str) -> Error:
    """The exception of an error of the library."""
    return ERRORS.get(code, InternalError)(message)
