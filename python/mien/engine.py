"""Engine: the models, opened once; and the calls on one image.

>>> import mien
>>> analysis = mien.analyze("photos/obama.jpg")
>>> analysis
Analysis(jpeg 910x1137, 1 face)
>>> face = analysis.faces[0]
>>> face.bbox.shape, face.embedding.shape, face.det_score > 0.9
((4,), (512,), True)
>>> mien.compare(analysis, mien.analyze("photos/obama2.jpg")) > 0.5
True
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import _mien, inputs
from .errors import Error, InvalidArgumentError
from .settings import Settings, get_settings

Analysis = _mien.Analysis


class Engine:
    """A detector and an embedder, shared by threads. Analysing releases the interpreter lock.

    `detector` and `embedder` are names (`mien models`) or paths of ONNX files. `precision` is "exact" (SCRFD and
    ArcFace as InsightFace runs them), "default", or "fast" (cheaper arithmetic); None is what MIEN_PRECISION says.
    Raises NotFoundError, with the command that fetches it, for a missing model. In the child of a fork the models are
    opened anew when they are first used.
    """

    def __init__(
        self,
        *,
        detector: str | os.PathLike[str] = "",
        embedder: str | os.PathLike[str] = "",
        precision: str | None = None,
        load_embedder: bool = True,
        det_threshold: float | None = None,
        exact_sizes: Sequence[tuple[int, int]] = (),
        sandbox: bool = False,
        settings: Settings | None = None,
    ) -> None:
        self._settings = settings or get_settings()
        library = self._settings.values["MIEN_ORT_LIBRARY"].value
        if library:
            from .runtimes import check_onnxruntime  # for those alone who have named one

            check_onnxruntime(library)
        self._arguments: dict[str, Any] = {
            "detector": os.fsdecode(detector),
            "embedder": os.fsdecode(embedder),
            "precision": precision or self._settings.values["MIEN_PRECISION"].value,
            "load_embedder": load_embedder,
            "det_threshold": det_threshold,
            "exact_sizes": list(exact_sizes),
            "sandbox": sandbox,
        }
        self._native = _mien.open_engine(self._settings.native, **self._arguments)

    @property
    def native(self) -> _mien.NativeEngine:
        """As the library has it."""
        return self._native

    @property
    def settings(self) -> Settings:
        """What it was opened with."""
        return self._settings

    @property
    def detector(self) -> _mien.ModelInfo:
        return self._native.detector

    @property
    def embedder(self) -> _mien.ModelInfo | None:
        """None when it was not loaded."""
        return self._native.embedder

    def analyze(
        self,
        image: object,
        *,
        colours: str | None = None,
        embed: bool = True,
        face_quality: bool = True,
        image_quality: bool = False,
        phash: bool = False,
        enhance: bool = False,
        rotations: bool = False,
        min_quality: float = 0.0,
        min_face: float = 0.0,
        detail: str = "auto",
        det_threshold: float | None = None,
    ) -> Analysis:
        """Faces of one image: bytes, a path, an open file, a PIL image, or an array of uint8.

        An array with colours needs `colours`: "rgb", or "bgr" as OpenCV has them. Arrays are read where they are.
        `detail`: how closely to look, "auto" (again where people are small), "off" (once) or "full" (everywhere, down
        to the pixels). `det_threshold`: the score from which on something is a face, 0 to 1, for this image; None is
        the engine's.
        """
        options = _mien.AnalyzeOptions(
            embed=embed,
            face_quality=face_quality,
            image_quality=image_quality,
            phash=phash,
            enhance=enhance,
            rotations=rotations,
            min_quality=min_quality,
            min_face=min_face,
            detail=detail,
            det_threshold=det_threshold,
        )
        try:
            analysis = self._native.analyze(image, colours, options)
        except Error as error:
            named = inputs.name_file(error, image)
            if named is error:
                raise
            raise named from None
        _remember(analysis, image, colours)
        return analysis

    def analyze_batch(self, images: Iterable[object], **options: Any) -> list[Analysis | Exception]:
        """One Analysis an image, in order, or the exception that it would have raised."""
        sources = inputs.image_list(images)
        results = self._native.analyze_batch(sources, _mien.AnalyzeOptions(**options))
        for result, source in zip(results, sources):
            if isinstance(result, Analysis):
                _remember(result, source, None)
        return results

    def embed_aligned(self, faces: Iterable[object], *, colours: str) -> list[Any]:
        """Embeddings of faces that are cut out and upright already."""
        return self._native.embed_aligned(list(faces), colours)

    def __repr__(self) -> str:
        return repr(self._native)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the models anew, once for all that is sent to it."""
        return _open_again, (self._arguments, self._settings)

    def __copy__(self) -> Engine:
        return self

    def __deepcopy__(self, memo: object) -> Engine:
        return self


def _open_again(arguments: dict[str, Any], settings: Settings) -> Engine:
    import pickle

    key = pickle.dumps((arguments, settings))
    return shared_engine(key, lambda: Engine(**arguments, settings=settings))


def _remember(analysis: Analysis, image: object, colours: str | None) -> None:
    """For Analysis.draw(). A file that was read once cannot be read again."""
    if not hasattr(image, "read"):
        setattr(analysis, "_source", image)
        setattr(analysis, "_colours", colours)


class _Slot:
    """The place of one engine, which is opened under the slot's own lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.engine: Engine | None = None

    def open(self, make: Callable[[], Engine]) -> Engine:
        with self.lock:
            if self.engine is None:
                self.engine = make()
            return self.engine


class EngineCache:
    """Engines by key. Of more than `kept_max` those used longest ago are let go; who has one goes on using it."""

    def __init__(self, kept_max: int) -> None:
        self._kept_max = kept_max
        self._lock = threading.Lock()
        self._slots: dict[object, _Slot] = {}  # the last one used comes last; guarded by _lock

    def get(self, key: object, make: Callable[[], Engine]) -> Engine:
        """The engine under this key, made once; meanwhile only callers with the same key wait."""
        with self._lock:
            slot = self._slots.pop(key) if key in self._slots else _Slot()
            self._slots[key] = slot
            spare = [self._slots.pop(old) for old in list(self._slots)[: -self._kept_max]]
        spare.clear()  # without the lock: an engine may take a while to end
        try:
            return slot.open(make)
        except BaseException:
            with self._lock:
                if self._slots.get(key) is slot and slot.engine is None:
                    del self._slots[key]
            raise

    def __len__(self) -> int:
        with self._lock:
            return len(self._slots)

    def after_fork(self) -> None:
        """Threads of the parent may have held the locks."""
        self._lock = threading.Lock()
        for slot in self._slots.values():
            slot.lock = threading.Lock()


_default = EngineCache(1)
_shared = EngineCache(4)  # each may take some hundred MB


def shared_engine(key: object, make: Callable[[], Engine]) -> Engine:
    """The engine under this key; the last few keys that were asked for have theirs."""
    return _shared.get(key, make)


def default_engine() -> Engine:
    """The engine of the default models, which analyze and scan use."""
    return _default.get("default", Engine)


def _after_fork() -> None:
    for cache in (_default, _shared):
        cache.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def analyze(image: object, **options: Any) -> Analysis:
    """Engine.analyze with the default models."""
    return default_engine().analyze(image, **options)


class Comparison(float):
    """The similarity of two faces, and what it says.

    As a number it is the cosine, -1..1, or NaN where the faces are not comparable: no threshold is passed then.
    """

    verdict: str | None
    """"same", "different", "not_comparable", "cannot_tell"; None when no threshold is known for the model."""
    similarity: float
    """The cosine, whatever the verdict."""
    threshold: float | None
    reasons: tuple[str | None, str | None]
    """Why the faces are poor, as Face.poor_reason."""
    compared_anyway: bool

    def __new__(
        cls,
        similarity: float,
        verdict: str | None,
        threshold: float | None = None,
        reasons: tuple[str | None, str | None] = (None, None),
        compared_anyway: bool = False,
    ) -> Comparison:
        self = super().__new__(cls, float("nan") if verdict == "not_comparable" else similarity)
        self.similarity, self.verdict, self.threshold = similarity, verdict, threshold
        self.reasons, self.compared_anyway = reasons, compared_anyway
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:  # type: ignore[override]  # for pickle and copy
        return self.similarity, self.verdict, self.threshold, self.reasons, self.compared_anyway

    def __repr__(self) -> str:
        return f"Comparison({self.verdict}, similarity={self.similarity:.3f})"


def compare(
    a: Analysis | object,
    b: Analysis | object,
    *,
    colours: str | None = None,
    threshold: float | None = None,
    compare_anyway: bool = False,
) -> Comparison:
    """How alike the best faces of two images or analyses are, and whether they are one person's.

    `threshold` is the cosine from which on they are; otherwise the default embedder's own for verification. Two faces
    that are too poor (Face.recognition_quality below 0.5) are not comparable, unless `compare_anyway` says so. Arrays
    need `colours`, as in analyze.
    """
    first, second = (one if isinstance(one, Analysis) else analyze(one, colours=colours) for one in (a, b))
    for one in (first, second):
        if not one.faces:
            raise InvalidArgumentError("there is no face to compare")
    similarity = _mien.compare_faces(first, 0, second, 0)
    if threshold is None:
        embedder = default_engine().embedder
        if embedder is not None and embedder.name == first.embedder:
            threshold = embedder.threshold_verify
    # Beyond every cosine: only what needs no threshold is said then.
    at = 2.0 if threshold is None else threshold
    verdict: str | None = _mien.judge_faces(first, 0, second, 0, at, compare_anyway)
    if threshold is None and verdict != "not_comparable":
        verdict = None
    reasons = (first.faces[0].poor_reason, second.faces[0].poor_reason)
    return Comparison(similarity, verdict, threshold, reasons, compare_anyway)
