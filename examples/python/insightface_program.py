"""A program for InsightFace, with one import changed: python insightface_program.py PACK-FOLDER photo.jpg ..."""

import sys

import numpy
from PIL import Image

from mien.insightface.app import FaceAnalysis


def main() -> None:
    app = FaceAnalysis(name=sys.argv[1], providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=0, det_size=(640, 640))
    for path in sys.argv[2:]:
        image = numpy.asarray(Image.open(path).convert("RGB"))[..., ::-1]  # BGR, as cv2.imread gives it
        for face in app.get(image):
            print(path, face.bbox.round(), face.det_score)


if __name__ == "__main__":
    main()
