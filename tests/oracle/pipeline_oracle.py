#!/usr/bin/env python3
"""Says what the pipeline must find, from published descriptions and with other people's code only.

    pipeline_oracle.py MIEN_FOLDER

Reads the models and photos of MIEN_FOLDER/.deps and writes MIEN_FOLDER/tests/data/golden/*.json. Needs numpy, onnx,
onnxruntime, OpenCV 5.0 and Pillow; run it again only when a model, a photo or a published rule changes. Nothing of
mien is imported: two programs that agree by accident are less likely than one that agrees with itself.
"""

import base64
import hashlib
import json
import math
import pathlib
import sys

import cv2
import numpy as np
import onnx
import onnxruntime
import PIL
from PIL import Image, ImageOps

PHOTOS = ["astronaut.png", "biden.jpg", "chelsea.png", "coffee.png", "obama.jpg", "obama2.jpg", "obama3.jpg",
          "obama_partial_face.jpg", "obama_partial_face2.jpg", "solvay_conference_1927.jpg"]
# Left eye, right eye, nose, corners of the mouth in a face of 112 x 112, as ArcFace (Deng et al. 2019) publishes them.
TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
                     [70.7299, 92.2041]])


def session_of(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


# ----- detectors: each takes a network input of one image and gives rows of score, x1 y1 x2 y2, ten coordinates

class CenterFace:
    mean, scale = 0.0, 1.0
    nms_threshold, nms_pixel = 0.3, 0.0

    def __init__(self, path):
        self.path = path
        self.sessions = {}

    def session(self, height, width):
        if (height, width) not in self.sessions:  # one session a size: nothing is left symbolic
            model = onnx.load(self.path)
            for dim, value in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, 3, height, width)):
                dim.dim_value = value
            del model.graph.value_info[:]
            for output in model.graph.output:
                output.type.tensor_type.ClearField("shape")
            self.sessions[(height, width)] = session_of(model.SerializeToString())
        return self.sessions[(height, width)]

    def detect(self, blob):
        height, width = blob.shape[2:]
        session = self.session(height, width)
        heat, size, offset, points = session.run(None, {session.get_inputs()[0].name: blob})
        rows = []
        for y, x in zip(*np.nonzero(heat[0, 0] >= 0.5)):
            box_height, box_width = np.exp(size[0, :, y, x]) * 4
            left = max(0.0, (x + offset[0, 1, y, x] + 0.5) * 4 - box_width / 2)
            top = max(0.0, (y + offset[0, 0, y, x] + 0.5) * 4 - box_height / 2)
            marks = [(points[0, 2 * j + 1, y, x] * box_width + left, points[0, 2 * j, y, x] * box_height + top)
                     for j in range(5)]
            rows.append([heat[0, 0, y, x], left, top, min(left + box_width, width), min(top + box_height, height),
                         *np.ravel(marks)])
        return np.array(rows, dtype=np.float64).reshape(-1, 15)


class Scrfd:
    mean, scale = 127.5, 1 / 128
    nms_threshold, nms_pixel = 0.4, 1.0

    def __init__(self, path):
        self.session = session_of(str(path))

    def detect(self, blob):
        outputs = self.session.run(None, {self.session.get_inputs()[0].name: blob})
        found = []
        for level, stride in enumerate((8, 16, 32)):
            score = outputs[level].reshape(-1)
            box = outputs[3 + level].reshape(-1, 4) * stride
            marks = outputs[6 + level].reshape(-1, 5, 2) * stride
            ys, xs = np.mgrid[:blob.shape[2] // stride, :blob.shape[3] // stride]
            centre = np.repeat(np.stack([xs, ys], axis=-1).reshape(-1, 2) * stride, 2, axis=0).astype(np.float64)
            keep = score >= 0.5
            found.append(np.hstack([score[keep, None], centre[keep] - box[keep, :2], centre[keep] + box[keep, 2:],
                                    (centre[keep, None] + marks[keep]).reshape(-1, 10)]))
        return np.vstack(found)


def overlap(a, b, pixel):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + pixel)
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + pixel)
    area = [(c[2] - c[0] + pixel) * (c[3] - c[1] + pixel) for c in (a, b)]
    return width * height / (sum(area) - width * height)


def by_score(rows):
    return rows[np.argsort(-rows[:, 0], kind="stable")]


def drop_overlaps(detector, rows):
    kept = []
    for row in by_score(rows):
        if all(overlap(row[1:5], other[1:5], detector.nms_pixel) <= detector.nms_threshold for other in kept):
            kept.append(row)
    return np.array(kept).reshape(-1, 15)


def scaled_size(width, height, side):
    """InsightFace's rounding: the long side is `side`, the other one cut to a whole number."""
    if height > width:
        return int(side / (height / width)), side
    return side, int(side * (height / width))


def look(detector, pixels, side, canvas):
    """One run: `pixels` with a long side of `side` at the top left of a canvas of (width, height)."""
    height, width = pixels.shape[:2]
    new_width, new_height = scaled_size(width, height, side)
    padded = np.zeros((canvas[1], canvas[0], 3), np.uint8)
    padded[:new_height, :new_width] = cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    blob = ((padded.astype(np.float32) - np.float32(detector.mean)) * np.float32(detector.scale))
    rows = detector.detect(np.ascontiguousarray(blob.transpose(2, 0, 1)[None]))
    rows[:, 1:] /= new_height / height
    return drop_overlaps(detector, rows)


def look_at_square(detector, pixels):
    return look(detector, pixels, 640, (640, 640))


def look_at_rectangle(detector, pixels, side):
    width, height = scaled_size(pixels.shape[1], pixels.shape[0], side)
    return look(detector, pixels, side, (math.ceil(width / 32) * 32, math.ceil(height / 32) * 32))


def look_as_default(detector, pixels):
    """The documented rule of the precision `default`, for photos that need no tiles."""
    longest = max(pixels.shape[:2])
    assert longest <= 2.5 * min(pixels.shape[:2])
    rows = look_at_rectangle(detector, pixels, min(max(longest, 320), 640))
    large = 0.4 * longest

    def is_large(row):
        return max(row[3] - row[1], row[4] - row[2]) >= large

    if any(is_large(row) for row in rows):
        return rows
    more = [row for row in look_at_rectangle(detector, pixels, 128)
            if is_large(row) and all(overlap(row[1:5], known[1:5], 0.0) <= 0.3 for known in rows)]
    return by_score(np.vstack([rows, *more]))


# ----- faces

def fit_similarity(points):
    """The 2 x 3 matrix that takes the points nearest to the template: a linear least-squares problem."""
    equations, values = [], []
    for (x, y), (u, v) in zip(points, TEMPLATE):
        equations += [[x, -y, 1, 0], [y, x, 0, 1]]
        values += [u, v]
    a, b, tx, ty = np.linalg.lstsq(np.array(equations, np.float64), np.array(values), rcond=None)[0]
    return np.array([[a, -b, tx], [b, a, ty]])


def warp(pixels, matrix, side=112):
    """True bilinear, black outside, rounded to 8 bits."""
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    ys, xs = np.mgrid[:side, :side]
    x, y, _ = np.tensordot(inverse, np.stack([xs, ys, np.ones_like(xs)]).astype(np.float64), axes=1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    height, width = pixels.shape[:2]

    def at(row, column):
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        return np.where(inside[..., None], pixels[row.clip(0, height - 1), column.clip(0, width - 1)], 0.0)

    value = (at(top, left) * (1 - fx) * (1 - fy) + at(top, left + 1) * fx * (1 - fy) +
             at(top + 1, left) * (1 - fx) * fy + at(top + 1, left + 1) * fx * fy)
    return np.floor(value + 0.5).astype(np.uint8)


def embed(session, pixels, points):
    face = warp(pixels, fit_similarity(points))[:, :, ::-1]
    blob = ((face.astype(np.float32) - np.float32(127.5)) / np.float32(128)).transpose(2, 0, 1)[None]
    return session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(blob)})[0].reshape(-1)


def describe(pixels, rows, embedder):
    faces = []
    for row in rows:
        points = row[5:].reshape(5, 2)
        embedding = embed(embedder, pixels, points).astype("<f4")
        faces.append({"score": round(float(row[0]), 6), "bbox": [round(float(v), 4) for v in row[1:5]],
                      "landmarks": [[round(float(v), 4) for v in point] for point in points],
                      "embedding": base64.b64encode(embedding.tobytes()).decode()})
    return {"width": pixels.shape[1], "height": pixels.shape[0], "faces": faces}


# ----- operations, on pixels that tests make by themselves

def noise(width, height, channels, seed):
    """Knuth's 64-bit generator, the top byte of each state; tests/support/photos.cpp makes the same pixels."""
    state, values = seed, bytearray()
    for _ in range(width * height * channels):
        state = (state * 6364136223846793005 + 1442695040888963407) & (2**64 - 1)
        values.append(state >> 56)
    return np.frombuffer(bytes(values), np.uint8).reshape(height, width, channels)


RESIZES = [  # width, height, channels, new width, new height
    (64, 48, 3, 64, 48), (64, 48, 3, 32, 24), (64, 48, 1, 32, 24), (64, 48, 3, 128, 96), (65, 49, 3, 32, 24),
    (65, 49, 3, 33, 25), (1, 1, 3, 1, 1), (1, 1, 3, 7, 5), (1, 1, 1, 5, 3), (1, 40, 3, 1, 17), (40, 1, 3, 17, 1),
    (2, 2, 3, 3, 3), (2, 3, 3, 1, 1), (3, 2, 1, 1, 1), (17, 13, 3, 16, 12), (17, 13, 3, 18, 14), (17, 13, 1, 40, 31),
    (200, 133, 3, 97, 64), (200, 133, 1, 97, 64), (200, 133, 3, 199, 132), (200, 133, 3, 201, 134),
    (133, 200, 3, 320, 481), (300, 200, 3, 100, 66), (255, 257, 3, 31, 29), (31, 29, 3, 255, 257),
    (640, 3, 3, 320, 2), (3, 640, 3, 2, 320), (500, 9, 3, 128, 2), (129, 65, 3, 128, 64), (100, 100, 3, 50, 33),
    (400, 300, 3, 100, 75), (96, 64, 1, 96, 64), (96, 64, 1, 95, 63)]

POINTS = [
    [[210.5, 180.25], [290.75, 175.5], [252.0, 230.125], [220.25, 275.0], [286.5, 270.75]],
    [[30.0, 40.0], [31.5, 70.25], [52.5, 56.0], [70.25, 44.0], [71.0, 68.5]],
    [[110.0, 160.0], [70.0, 158.0], [92.5, 130.0], [104.0, 108.5], [72.0, 106.25]],
    [[-20.0, -12.5], [15.25, -10.0], [0.0, 12.0], [-16.0, 30.5], [12.5, 31.0]],
    [[300.0, 220.0], [330.5, 221.0], [317.0, 240.0], [305.0, 255.5], [328.0, 256.0]]]


def resize_cases():
    cases = []
    for seed, (width, height, channels, new_width, new_height) in enumerate(RESIZES, 1):
        scaled = cv2.resize(noise(width, height, channels, seed), (new_width, new_height),
                            interpolation=cv2.INTER_LINEAR).reshape(new_height, new_width, channels)
        cases.append({"seed": seed, "width": width, "height": height, "channels": channels, "new_width": new_width,
                      "new_height": new_height, "sha256": hashlib.sha256(np.repeat(
                          scaled, 3 // channels, axis=2).tobytes()).hexdigest()})
    return cases


def align_cases():
    cases = []
    for seed, points in enumerate(POINTS, 1):
        channels = 1 if seed == 3 else 3
        matrix = fit_similarity(points)
        face = warp(noise(320, 240, channels, seed), matrix)[::4, ::4]  # every fourth pixel keeps the file small
        cases.append({"seed": seed, "width": 320, "height": 240, "channels": channels, "landmarks": points,
                      "a": matrix[0, 0], "b": matrix[1, 0], "tx": matrix[0, 2], "ty": matrix[1, 2],
                      "pixels": base64.b64encode(np.repeat(face, 3 // channels, axis=2).tobytes()).decode()})
    return cases


def write(folder, name, key, value):
    made_by = (f"tests/oracle/pipeline_oracle.py: numpy {np.__version__}, OpenCV {cv2.__version__}, "
               f"onnxruntime {onnxruntime.__version__}, Pillow {PIL.__version__}")
    text = json.dumps({"made_by": made_by, key: value}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")
    print(f"{name}.json: {len(text) >> 10} KB")


def main():
    root = pathlib.Path(sys.argv[1])
    models, folder = root / ".deps" / "models", root / "tests" / "data" / "golden"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, "resize", "cases", resize_cases())
    write(folder, "align", "cases", align_cases())
    embedder = session_of(str(models / "fr_feature.onnx"))
    centerface = CenterFace(models / "centerface.onnx")
    scrfd = Scrfd(root / ".deps" / "test-models" / "scrfd_2.5g_static640.onnx")
    runs = {"centerface_exact": (centerface, look_at_square), "centerface_default": (centerface, look_as_default),
            "scrfd_exact": (scrfd, look_at_square)}
    photos = {name: np.array(ImageOps.exif_transpose(Image.open(root / ".deps" / "photos" / name)).convert("RGB"))
              for name in PHOTOS}
    for name, (detector, find) in runs.items():
        described = {photo: describe(pixels, find(detector, pixels), embedder) for photo, pixels in photos.items()}
        write(folder, name, "photos", described)
        print({photo: len(value["faces"]) for photo, value in described.items()})


if __name__ == "__main__":
    main()
