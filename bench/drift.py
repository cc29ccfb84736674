#!/usr/bin/env python3
"""How far `default` drifts from `exact`, for photos that both look at in the same scale.

    mien bench pipeline --images PHOTOS --passes 1 --no-floor --precision exact --dump exact.json
    mien bench pipeline --images PHOTOS --passes 1 --no-floor --detail off --dump default.json
    bench/drift.py PHOTOS exact.json default.json [PHOTOS exact.json default.json]...

Closer looks would take the landmarks of small faces from another scale. Same scale: the long side has at least 640
pixels and no panorama is cut into tiles. Boxes are compared inside the image: a face that the edge cuts may be guessed
larger or smaller beyond it. Needs numpy and Pillow.
"""
import json
import os
import sys

import numpy as np
from PIL import Image, ImageOps

SCORE_MIN = 0.6  # a miss below it says little: both paths are near their threshold there


def clip(box, size):
    return [min(max(value, 0), size[i % 2]) for i, value in enumerate(box[:4])]


def overlap(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared + 1e-9)


def compare(reference, test, size, totals):
    left = list(range(len(test)))
    for face in reference:
        box = clip(face, size)
        best = max(left, key=lambda i: overlap(box, clip(test[i], size)), default=None)
        if best is None or overlap(box, clip(test[best], size)) < 0.5:
            totals["missed"] += face[4] > SCORE_MIN
            continue
        left.remove(best)
        if not face[5] or not test[best][5]:
            continue  # landmarks that are one point give no embedding
        a, b = np.array(face[5]), np.array(test[best][5])
        totals["cosines"].append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    totals["extra"] += len(left)


def add_folder(folder, reference_path, test_path, totals):
    with open(reference_path, encoding="utf-8") as first, open(test_path, encoding="utf-8") as second:
        reference, test = json.load(first), json.load(second)
    for name, faces in reference.items():
        with Image.open(os.path.join(folder, name)) as image:
            size = ImageOps.exif_transpose(image).size  # faces are in the upright image
        same = max(size) >= 640 and max(size) <= 2.5 * min(size)
        compare(faces, test[name], size, totals["same scale" if same else "another scale"])


def main():
    if len(sys.argv) < 4 or len(sys.argv) % 3 != 1:
        sys.exit(__doc__)
    totals = {scale: {"cosines": [], "missed": 0, "extra": 0} for scale in ("same scale", "another scale")}
    for i in range(1, len(sys.argv), 3):
        add_folder(*sys.argv[i:i + 3], totals)
    for scale, total in totals.items():
        cosines = np.array(total["cosines"] or [float("nan")])
        print(f"{scale}: {len(total['cosines'])} faces matched, {total['missed']} of score > {SCORE_MIN} missed, "
              f"{total['extra']} more; cosine mean {cosines.mean():.4f}, 5th percentile "
              f"{np.quantile(cosines, 0.05):.4f}, least {cosines.min():.4f}")


if __name__ == "__main__":
    main()
