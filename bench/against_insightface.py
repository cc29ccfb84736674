#!/usr/bin/env python3
"""mien and InsightFace side by side: CPU time an image with one thread, same photos, same model files, one run.

    python3 -m venv peer && peer/bin/pip install insightface onnxruntime opencv-python-headless
    peer/bin/python bench/against_insightface.py --mien build/release/mien --images PHOTOS --det DET.onnx --rec REC.onnx

JPEG bytes in, faces with embeddings out; no quality, no hashing, no JSON on either side. Of each image the fastest of
--passes counts. The programs take turns, --rounds times, and the medians of the ratios of neighbours are printed,
because machines drift by a fifth between equal runs.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def measure_insightface(arguments):
    """Runs in a process of its own and prints one JSON line."""
    import cv2
    import numpy as np
    import onnxruntime
    from insightface.app import FaceAnalysis

    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    photos = []
    for path in sorted(glob.glob(os.path.join(arguments.images, "*.jp*g"))):
        with open(path, "rb") as file:
            photos.append(np.frombuffer(file.read(), np.uint8))
    best, faces = [float("inf")] * len(photos), 0
    with tempfile.TemporaryDirectory() as pack:  # read again when the first image comes
        os.symlink(os.path.abspath(arguments.det), os.path.join(pack, "det.onnx"))
        os.symlink(os.path.abspath(arguments.rec), os.path.join(pack, "rec.onnx"))
        app = FaceAnalysis(name=pack, providers=["CPUExecutionProvider"], sess_options=options)
        app.prepare(ctx_id=0, det_size=(640, 640))
        for _ in range(arguments.passes + 1):  # the first warms up
            faces = 0
            for i, photo in enumerate(photos):
                start = time.process_time()
                faces += len(app.get(cv2.imdecode(photo, cv2.IMREAD_COLOR)))
                best[i] = min(best[i], time.process_time() - start)
    print(json.dumps({"ms": 1e3 * sum(best) / len(best), "faces": faces}))


def run_insightface(arguments):
    command = [sys.executable, __file__, "--peer", "--images", arguments.images, "--det", arguments.det,
               "--rec", arguments.rec, "--passes", str(arguments.passes)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_mien(arguments, precision):
    command = [arguments.mien, "bench", "pipeline", "--images", arguments.images, "--det", arguments.det,
               "--rec", arguments.rec, "--passes", str(arguments.passes), "--precision", precision, "--no-quality",
               "--json"]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    sums = result["sums"]
    return {"ms": sums["cpu_ms"] / sums["images"], "faces": sums["faces"], "runtime": result["runtime"],
            "floor": (sums["floor_cpu_ms"] + sums["decode_cpu_ms"]) / sums["images"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mien", default="build/release/mien")
    parser.add_argument("--images", required=True)
    parser.add_argument("--det", required=True)
    parser.add_argument("--rec", required=True)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return measure_insightface(arguments)

    names = ("InsightFace", "mien exact", "mien default", "mien fast")
    rounds = [[run_insightface(arguments)] + [run_mien(arguments, name.split()[1]) for name in names[1:]]
              for _ in range(arguments.rounds)]
    print("| program | runtime | CPU ms an image | faces | times bare sessions + decode | InsightFace / it |")
    print("|---|---|---|---|---|---|")
    for column, name in enumerate(names):
        ms = statistics.median(row[column]["ms"] for row in rounds)
        ratio = statistics.median(row[0]["ms"] / row[column]["ms"] for row in rounds)
        floor = ["", ""] if column == 0 else [
            f'{statistics.median(row[column]["ms"] / row[column]["floor"] for row in rounds):.3f}', f"{ratio:.2f}"]
        runtime = rounds[-1][column].get("runtime", "")
        print(f'| {name} | {runtime} | {ms:.1f} | {rounds[-1][column]["faces"]} | {floor[0]} | {floor[1]} |')


if __name__ == "__main__":
    main()
