"""How good a picture of a face is.

>>> import mien, numpy
>>> metrics = mien.QualityChecker().assess_quality(numpy.full((100, 80), 128, dtype=numpy.uint8))
>>> metrics.brightness, metrics.blur_score, metrics.face_size
(128.0, 0.0, (80, 100))
>>> metrics.is_acceptable({"min_blur": 100})
False
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _mien
from .errors import InvalidArgumentError
from .settings import get_settings

THRESHOLDS = {
    "min_blur": ("blur_score", 1),
    "min_brightness": ("brightness", 1),
    "max_brightness": ("brightness", -1),
    "min_contrast": ("contrast", 1),
    "min_sharpness": ("sharpness", 1),
    "max_occlusion": ("occlusion_score", -1),
    "min_overall": ("overall_score", 1),
}


@dataclass(frozen=True)
class QualityMetrics:
    """The four measures and their score, of a picture or of a box clipped to it; `face_size` is what was measured."""

    blur_score: float
    brightness: float
    contrast: float
    sharpness: float
    face_size: tuple[int, int]
    pose_angles: _mien.PoseAngles | None
    occlusion_score: float | None
    overall_score: float

    def is_acceptable(self, thresholds: Mapping[str, float]) -> bool:
        """Whether no threshold is missed. What was not measured (occlusion) misses none."""
        for name, limit in thresholds.items():
            if name not in THRESHOLDS:
                raise InvalidArgumentError(f"there is no threshold '{name}': use {', '.join(THRESHOLDS)}")
            field, sign = THRESHOLDS[name]
            value: float | None = getattr(self, field)
            if value is not None and sign * value < sign * limit:
                return False
        return True


class QualityChecker:
    """Measures blur, brightness, contrast and sharpness; on the GPU where QUALITY_CHECKS_GPU asks for it."""

    def __init__(self) -> None:
        self._input = _mien.open_input(get_settings().native)

    def __reduce__(self) -> tuple[Any, ...]:
        return QualityChecker, ()

    def assess_quality(
        self,
        image: Any,
        bbox: Sequence[float] | None = None,
        landmarks: Sequence[Sequence[float]] | None = None,
        *,
        colours: str = "rgb",
    ) -> QualityMetrics:
        """Of a picture (an array HxWx3 or HxW, a PIL image, a file), or of the box in it.

        Arrays are RGB unless `colours` says "bgr". With the five landmarks, pose angles are estimated from where the
        eyes, the nose and the mouth lie to each other.
        """
        box = None if bbox is None else [float(value) for value in bbox]
        points = None if landmarks is None else [(float(x), float(y)) for x, y in landmarks]
        quality, width, height = _mien.assess_quality(image, colours, box, points, self._input)
        return _metrics(quality, (width, height))


def _metrics(quality: _mien.Quality, size: tuple[int, int]) -> QualityMetrics:
    return QualityMetrics(
        blur_score=quality.blur_score,
        brightness=quality.brightness,
        contrast=quality.contrast,
        sharpness=quality.sharpness,
        face_size=size,
        pose_angles=quality.pose_angles,
        occlusion_score=quality.occlusion_score,
        overall_score=quality.overall_score,
    )
