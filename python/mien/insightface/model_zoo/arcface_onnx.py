"""The embedder of a pack."""

from __future__ import annotations

from typing import Any

from ...engine import Engine
from ..utils import face_align
from .engines import ModelSet


class ArcFaceONNX:
    """Faces to embeddings."""

    taskname = "recognition"
    input_size = (112, 112)

    def __init__(self, model_set: ModelSet) -> None:
        self.model_set = model_set
        self.model_file = model_set.embedder

    def prepare(self, ctx_id: int, **kwargs: Any) -> None:
        self.model_set.ctx_id = ctx_id

    def engine(self) -> Engine:
        return self.model_set.engine()

    def get(self, img: Any, face: Any) -> Any:
        """The embedding of a face with `kps`, which it gets as `embedding`."""
        face.embedding = self.get_feat(face_align.norm_crop(img, landmark=face.kps))[0]
        return face.embedding

    def get_feat(self, imgs: Any) -> Any:
        """One row an aligned face (BGR); other sizes than 112 x 112 are scaled to it."""
        import numpy

        faces = imgs if isinstance(imgs, list) else [imgs]
        return numpy.stack(self.engine().embed_aligned(faces, colours="bgr"))

    def compute_sim(self, feat1: Any, feat2: Any) -> float:
        """Cosine similarity."""
        import numpy

        first, second = feat1.ravel(), feat2.ravel()
        return float(numpy.dot(first, second) / (numpy.linalg.norm(first) * numpy.linalg.norm(second)))
