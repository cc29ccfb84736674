#!/usr/bin/env python3
"""Whether mien.insightface finds what insightface finds: each dumps its faces in an environment of its own, a third run
compares. Both need numpy and opencv-python-headless; `--size 0` means prepare() without det_size.

    bench/dropin_agreement.py dump --module insightface --pack FOLDER --size 640 OUT.pickle PHOTO...
    bench/dropin_agreement.py dump --module mien.insightface --pack FOLDER --size 640 OTHER.pickle PHOTO...
    bench/dropin_agreement.py compare OUT.pickle OTHER.pickle
"""

import argparse
import importlib
import pickle
import sys
import time


def dump(arguments: argparse.Namespace) -> None:
    import cv2

    app = importlib.import_module(f"{arguments.module}.app").FaceAnalysis(
        name=arguments.pack, providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=0, **({"det_size": (arguments.size, arguments.size)} if arguments.size else {}))
    found = {}
    started = time.process_time()
    for path in arguments.photos:
        image = cv2.imread(path)
        if image is not None:
            found[path] = [(face.bbox, face.kps, face.det_score, face.embedding) for face in app.get(image)]
    print(f"{arguments.module}: {len(found)} photos, {sum(map(len, found.values()))} faces, "
          f"{time.process_time() - started:.1f} processor seconds")
    with open(arguments.out, "wb") as stream:
        pickle.dump(found, stream)


def overlap(a, b) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / area


def compare(arguments: argparse.Namespace) -> int:
    import numpy

    with open(arguments.first, "rb") as one, open(arguments.second, "rb") as two:
        first, second = pickle.load(one), pickle.load(two)
    worst_overlap, worst_cosine, faces, missing = 1.0, 1.0, 0, 0
    for path, expected in first.items():
        missing += abs(len(expected) - len(second[path]))
        for box, _, _, embedding in expected:
            other = max(second[path], key=lambda face: overlap(box, face[0]), default=None)
            faces += 1
            if other is None or overlap(box, other[0]) < 0.5:
                missing += 1
                continue
            worst_overlap = min(worst_overlap, overlap(box, other[0]))
            lengths = numpy.linalg.norm(embedding) * numpy.linalg.norm(other[3])
            worst_cosine = min(worst_cosine, float(embedding @ other[3] / lengths))
    print(f"{len(first)} photos, {faces} faces, {missing} not in both, worst IoU {worst_overlap:.6f}, "
          f"worst cosine {worst_cosine:.6f}")
    return 0 if missing == 0 and worst_overlap >= 0.99 and worst_cosine >= 0.9999 else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    dumping = commands.add_parser("dump")
    dumping.add_argument("--module", required=True)
    dumping.add_argument("--pack", required=True)
    dumping.add_argument("--size", type=int, default=0)
    dumping.add_argument("out")
    dumping.add_argument("photos", nargs="+")
    dumping.set_defaults(run=dump)
    comparing = commands.add_parser("compare")
    comparing.add_argument("first")
    comparing.add_argument("second")
    comparing.set_defaults(run=compare)
    arguments = parser.parse_args()
    return arguments.run(arguments) or 0


if __name__ == "__main__":
    sys.exit(main())
