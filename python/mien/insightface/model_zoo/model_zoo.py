"""From files and packs to models; and why some models are not run."""

from __future__ import annotations

import pathlib
from typing import Any

from ... import _mien
from ...errors import InvalidArgumentError, NotFoundError, UnsupportedError
from ...logs import logger
from ...settings import get_settings
from .arcface_onnx import ArcFaceONNX
from .engines import ModelSet
from .scrfd import SCRFD

_NO_ATTRIBUTES = "mien estimates neither age nor gender: a guess about a person's body is no help in finding a face"
_NO_SWAP = "mien swaps no faces: it finds and compares those that are there"
_NO_POINTS = "mien knows the five landmarks that faces are aligned by, not these"
REFUSED = {
    "genderage": _NO_ATTRIBUTES,
    "attribute": _NO_ATTRIBUTES,
    "inswapper": _NO_SWAP,
    "inswapper_128": _NO_SWAP,
    "swapper": _NO_SWAP,
    "landmark_2d_106": _NO_POINTS,
    "landmark_3d_68": _NO_POINTS,
    "verification": "mien has no models that look at pairs of faces: compare embeddings",
}
# Files of InsightFace's packs with other tasks, which are left alone without being opened: they are large.
OTHER_FILES = {
    "genderage.onnx": "genderage",
    "2d106det.onnx": "landmark_2d_106",
    "1k3d68.onnx": "landmark_3d_68",
    "inswapper_128.onnx": "inswapper",
}
TASKS = {"detector": "detection", "embedder": "recognition"}


def refuse(task: str) -> None:
    """Raises for a task that mien does not do."""
    if task in REFUSED:
        raise UnsupportedError(f"'{task}' is not available: {REFUSED[task]}")
    if task not in TASKS.values():
        raise InvalidArgumentError(f"there is no module '{task}': use {', '.join(TASKS.values())}")


def task_of(path: pathlib.Path) -> str | None:
    """detection, recognition, another task by its file's name; None: not recognised."""
    if path.name in OTHER_FILES:
        return OTHER_FILES[path.name]
    try:
        return TASKS[_mien.probe_model(get_settings().native, str(path)).role]
    except UnsupportedError:
        return None


def find_tasks(folder: pathlib.Path) -> dict[str, str]:
    """The first file of each task, in the order of their names."""
    if (folder / "manifest.json").exists():
        raise UnsupportedError(f"{folder} is a package with a manifest, which mien does not read: name its ONNX files")
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.onnx")):
        task = task_of(path)
        if task is None:
            logger.debug("%s is no model of faces that mien knows", path)
        elif task not in found:
            found[task] = str(path)
    return found


def open_pack(name: Any, root: Any, model_set: ModelSet) -> set[str]:
    """Fills in the files of a pack, and says which tasks it has."""
    folder = pathlib.Path(str(name)).expanduser()
    if not folder.is_dir():
        folder = pathlib.Path(root).expanduser() / "models" / str(name)
    if folder.is_dir():
        found = find_tasks(folder)
        if "detection" not in found:
            raise NotFoundError(f"the model pack {folder} has no detector (*.onnx)")
        model_set.detector, model_set.embedder = found["detection"], found.get("recognition")
        return set(found)
    # A pack that `mien models pull` brought. Its name is never taken for another one's.
    model_set.detector = model_set.embedder = str(name)
    try:
        model_set.engine()
    except (NotFoundError, InvalidArgumentError) as error:
        raise NotFoundError(
            f"the model pack {name} is not in {folder.parent}, nor among mien's own models: 'mien models pull {name}' "
            f"fetches it if 'mien models list' names it ({error})") from None
    return {"detection", "recognition"}


def get_model(name: Any, **kwargs: Any) -> SCRFD | ArcFaceONNX:
    """The model of an ONNX file, or of the first one in a folder of packs. `providers` as in FaceAnalysis."""
    path = pathlib.Path(str(name)).expanduser()
    if path.suffix != ".onnx":
        folder = pathlib.Path(kwargs.get("root", "~/.insightface")).expanduser() / "models" / str(name)
        files = sorted(folder.glob("*.onnx"))
        if not files:
            raise NotFoundError(f"there is no ONNX file in {folder}: 'mien models list' says what can be fetched")
        path = files[-1]
    if path.name in OTHER_FILES:
        refuse(OTHER_FILES[path.name])  # whether it is there or not
    if not path.is_file():
        raise NotFoundError(f"the model {path} is not there")
    task = task_of(path)
    if task is None:
        raise UnsupportedError(f"{path} is no model of faces that mien knows")
    refuse(task)
    model_set = ModelSet(providers=kwargs.get("providers"), provider_options=kwargs.get("provider_options"))
    if task == "detection":
        model_set.detector = str(path)
        return SCRFD(model_set)
    model_set.embedder = str(path)
    return ArcFaceONNX(model_set)
