"""The detector of a pack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import _mien
from ...engine import Engine
from ...errors import InvalidArgumentError
from .engines import DEFAULT_SIZES, ModelSet


def input_sizes(det_size: Any) -> tuple[tuple[int, int], ...]:
    """One pair, several, or None: 128 and 640, merged. A pair of zeros means the same as None."""
    if det_size is None:
        return DEFAULT_SIZES
    values = det_size.tolist() if hasattr(det_size, "tolist") else det_size
    pairs = list(values) if len(values) and hasattr(values[0], "__len__") else [values]
    sizes: list[tuple[int, int]] = []
    for pair in pairs:
        if len(pair) != 2:
            raise InvalidArgumentError("det_size is a pair (width, height), or a list of pairs")
        width, height = int(pair[0]), int(pair[1])
        if width == height == 0:
            sizes += [size for size in DEFAULT_SIZES if size not in sizes]
        elif width <= 0 or height <= 0:
            raise InvalidArgumentError("the numbers of det_size are positive")
        elif (width, height) not in sizes:
            sizes.append((width, height))
    return tuple(sizes)


class SCRFD:
    """Finds faces. `detect` may be called from many threads."""

    taskname = "detection"

    def __init__(self, model_set: ModelSet) -> None:
        self.model_set = model_set
        self.model_file = model_set.detector

    @property
    def det_thresh(self) -> float:
        return self.model_set.threshold

    @det_thresh.setter
    def det_thresh(self, value: float) -> None:
        self.model_set.threshold = float(value)

    @property
    def input_sizes(self) -> tuple[tuple[int, int], ...]:
        return self.model_set.sizes

    @property
    def input_size(self) -> tuple[int, int]:
        return self.input_sizes[-1]

    def prepare(self, ctx_id: int, **kwargs: Any) -> None:
        """`input_size` and `det_thresh`; overlaps are always dropped above 0.4."""
        if kwargs.get("nms_thresh") not in (None, 0.4):
            raise InvalidArgumentError("mien drops overlapping faces above 0.4: nms_thresh cannot be changed")
        self.model_set.ctx_id = ctx_id
        if kwargs.get("det_thresh") is not None:
            self.det_thresh = kwargs["det_thresh"]
        if kwargs.get("input_size") is not None:
            self.model_set.sizes = input_sizes(kwargs["input_size"])
        self.engine()

    def engine(self, input_size: Any = None, det_thresh: float | None = None) -> Engine:
        sizes = self.input_sizes if input_size is None else input_sizes(input_size)
        return self.model_set.detecting_engine(sizes, self.det_thresh if det_thresh is None else float(det_thresh))

    def detect(
        self,
        img: Any,
        input_size: Any = None,
        max_num: int = 0,
        metric: str = "default",
        det_thresh: float | None = None,
    ) -> tuple[Any, Any]:
        """Boxes with scores (N x 5) and landmarks (N x 5 x 2; None where the model gives none)."""
        import numpy

        threshold = self.det_thresh if det_thresh is None else float(det_thresh)
        # A higher threshold needs no engine of its own: faces below it have dropped none above it as an overlap.
        engine = self.engine(input_size, min(threshold, self.det_thresh))
        analysis = engine.analyze(img, colours="bgr", embed=False, face_quality=False)
        bar = float(numpy.float32(threshold))  # as the library compares
        faces = choose([face for face in analysis.faces if face.det_score >= bar], img.shape, max_num, metric)
        boxes = numpy.zeros((len(faces), 5), dtype=numpy.float32)
        for row, face in zip(boxes, faces):
            row[:4] = face.bbox
            row[4] = face.det_score
        if any(face.landmarks is None for face in faces):
            return boxes, None
        points = numpy.zeros((len(faces), 5, 2), dtype=numpy.float32)
        for place, face in zip(points, faces):
            place[:] = face.landmarks
        return boxes, points


def choose(faces: Sequence[_mien.Face], shape: Sequence[int], max_num: int, metric: str) -> list[_mien.Face]:
    """All, or the `max_num` largest; unless metric is "max", those in the middle count for more."""
    if max_num <= 0 or len(faces) <= max_num:
        return list(faces)

    def worth(face: _mien.Face) -> float:
        x1, y1, x2, y2 = (float(value) for value in face.bbox)
        area = (x2 - x1) * (y2 - y1)
        if metric == "max":
            return area
        aside, above = (x1 + x2) / 2 - shape[1] // 2, (y1 + y2) / 2 - shape[0] // 2
        return area - 2 * (aside * aside + above * above)

    return sorted(faces, key=worth, reverse=True)[:max_num]
