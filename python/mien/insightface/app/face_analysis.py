"""FaceAnalysis, as insightface 2.1 has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import InvalidArgumentError, UnsupportedError
from .. import model_zoo
from ..model_zoo.engines import DEFAULT_SIZES, ModelSet
from ..model_zoo.model_zoo import open_pack, refuse
from ..model_zoo.scrfd import choose, input_sizes
from ..utils import DEFAULT_MP_NAME, face_align
from .common import Face

BOX_COLOUR = (0, 0, 255)  # blue, green, red
POINT_COLOURS = ((0, 255, 0), (0, 0, 255), (0, 0, 255), (0, 255, 0), (0, 0, 255))


class FaceAnalysis:
    """Detects and embeds the faces of pictures as cv2.imread gives them (BGR).

    `providers` and a negative ctx_id win over the environment. A missing pack is a NotFoundError, never another pack.
    """

    def __init__(
        self,
        name: Any = DEFAULT_MP_NAME,
        root: Any = "~/.insightface",
        allowed_modules: Sequence[str] | None = None,
        *,
        addons: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if addons:
            raise UnsupportedError("mien has no addons: liveness is not judged")
        for task in allowed_modules or ():
            refuse(task)
        self._models = ModelSet(
            providers=kwargs.get("providers"), provider_options=kwargs.get("provider_options")
        )
        self.model_dir = str(name)
        tasks = open_pack(name, root, self._models)
        if allowed_modules is not None and "detection" not in allowed_modules:
            raise InvalidArgumentError("FaceAnalysis needs the module 'detection'")
        if allowed_modules is not None and "recognition" not in allowed_modules:
            self._models.embedder = None
        self.det_model = model_zoo.SCRFD(self._models)
        self.models: dict[str, Any] = {"detection": self.det_model}
        if "recognition" in tasks and self._models.embedder is not None:
            self.models["recognition"] = model_zoo.ArcFaceONNX(self._models)
        self.det_thresh = 0.5
        self.det_size: Any = list(DEFAULT_SIZES)

    def prepare(self, ctx_id: int = 0, det_thresh: float = 0.5, det_size: Any = None) -> None:
        """Opens the models. Without det_size faces are looked for at 128 and at 640 pixels, and merged."""
        self.det_thresh = det_thresh
        sizes = input_sizes(det_size)
        self.det_size = list(sizes) if det_size is None else det_size
        self.det_model.prepare(ctx_id, input_size=sizes, det_thresh=det_thresh)

    def get(self, img: Any, max_num: int = 0, det_metric: str = "default") -> list[Face]:
        """The faces of a picture, by falling score; the `max_num` largest when that is not 0."""
        import numpy

        if not hasattr(img, "shape"):
            raise InvalidArgumentError(f"{type(img).__name__} is no picture as cv2.imread gives it: an array, BGR")
        embeds = "recognition" in self.models
        engine = self.det_model.engine()
        analysis = engine.analyze(img, colours="bgr", embed=embeds and max_num == 0, face_quality=False)
        chosen = choose(analysis.faces, img.shape, max_num, det_metric)
        faces = [
            Face(bbox=one.bbox, kps=one.landmarks, det_score=numpy.float32(one.det_score)) for one in chosen
        ]
        if embeds and max_num != 0 and faces:
            crops = [face_align.norm_crop(img, face.kps) for face in faces]
            embeddings = engine.embed_aligned(crops, colours="bgr")
        else:
            embeddings = [one.embedding for one in chosen]
        for face, embedding in zip(faces, embeddings):
            if embeds:
                face.embedding = embedding
        return faces

    def draw_on(self, img: Any, faces: Sequence[Any]) -> Any:
        """A copy of the picture with a box a face and its landmarks."""
        drawn = img.copy()
        for face in faces:
            x1, y1, x2, y2 = (int(value) for value in face.bbox)
            for box in ((x1 - 1, y1 - 1, x2 + 1, y1 + 1), (x1 - 1, y2 - 1, x2 + 1, y2 + 1),
                        (x1 - 1, y1 - 1, x1 + 1, y2 + 1), (x2 - 1, y1 - 1, x2 + 1, y2 + 1)):
                _fill(drawn, box, BOX_COLOUR)
            for (x, y), colour in zip(face.kps if face.kps is not None else (), POINT_COLOURS):
                _fill(drawn, (int(x) - 1, int(y) - 1, int(x) + 1, int(y) + 1), colour)
        return drawn


def _fill(picture: Any, box: tuple[int, int, int, int], colour: tuple[int, int, int]) -> None:
    """The pixels of a box, its right and lower edge included, as far as they are in the picture."""
    x1, y1, x2, y2 = (max(0, value) for value in box)
    picture[y1:y2 + 1, x1:x2 + 1] = colour
