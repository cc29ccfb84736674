"""The ONNX Runtime of an `onnxruntime` distribution, for those who want mien to compute with theirs.

    from mien.runtimes import find_onnxruntime
    mien.Engine(settings=mien.Settings({"MIEN_ORT_LIBRARY": find_onnxruntime()}))
"""

from __future__ import annotations

import base64
import hashlib
import os
import pathlib
import warnings
from collections import defaultdict
from importlib import metadata

from .errors import NotFoundError

FOLDER = ("onnxruntime", "capi")


def find_onnxruntime() -> str:
    """The library of the onnxruntime distribution in this Python, for the setting MIEN_ORT_LIBRARY.

    Raises NotFoundError when there is none, and warns when two distributions have overwritten each other.
    """
    for folder, owners in _installed().items():
        library = _library_in(folder)
        if library is not None:
            if len(owners) > 1:
                warnings.warn(_what_happened(folder, owners), RuntimeWarning, stacklevel=2)
            return str(library)
    raise NotFoundError("no onnxruntime distribution is installed for this Python: pip install onnxruntime")


def check_onnxruntime(library: str) -> None:
    """Warns when this library lies in a folder that two distributions have written to."""
    for folder, owners in _installed().items():
        if len(owners) > 1 and pathlib.Path(library).resolve().parent == folder.resolve():
            warnings.warn(_what_happened(folder, owners), RuntimeWarning, stacklevel=3)


def _installed() -> dict[pathlib.Path, list[metadata.Distribution]]:
    """The folders onnxruntime/capi and the distributions that have installed files there, in the order of sys.path."""
    found: dict[pathlib.Path, list[metadata.Distribution]] = defaultdict(list)
    for distribution in metadata.distributions():
        name: str | None = distribution.metadata["Name"]
        if name is None or not name.lower().startswith(("onnxruntime", "ort-")):
            continue
        for file in distribution.files or ():
            if file.parts[:2] == FOLDER:
                folder = pathlib.Path(os.fspath(distribution.locate_file("/".join(FOLDER))))
                found[folder].append(distribution)
                break
    return found


def _library_in(folder: pathlib.Path) -> pathlib.Path | None:
    names = ("libonnxruntime.so*", "libonnxruntime*.dylib")
    return next((path for name in names for path in sorted(folder.glob(name))), None)


def _what_happened(folder: pathlib.Path, owners: list[metadata.Distribution]) -> str:
    names = sorted(f"{owner.metadata['Name']} {owner.version}" for owner in owners)
    damaged = sorted(f"{owner.metadata['Name']} {owner.version}" for owner in owners if not _is_whole(owner))
    left = f"{' and '.join(damaged)} is not whole any more" if damaged else "their files are the same"
    uninstall = " ".join(sorted(str(owner.metadata["Name"]) for owner in owners))
    return (f"{' and '.join(names)} have overwritten each other in {folder}: {left}. "
            f"Keep one: pip uninstall {uninstall}, then install the one that you want")


def _is_whole(distribution: metadata.Distribution) -> bool:
    """Whether its files in the folder are those that it brought."""
    for file in distribution.files or ():
        if file.parts[:2] != FOLDER or file.hash is None or file.hash.mode != "sha256":
            continue
        path = pathlib.Path(os.fspath(file.locate()))
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            digest = hashlib.sha256()
            while block := stream.read(1 << 20):
                digest.update(block)
        if base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode() != file.hash.value:
            return False
    return True
