"""One peer in a process of its own, in the environment that `bench/peers` made; prints one JSON line.

    measure.py MODULE faces|pace|first FOLDER DET REC [--passes N] [--threads N]

MODULE: opencv, or a module with InsightFace's interface (insightface, mien.insightface).
  faces  least CPU ms of each photo in one thread, its faces, and what its session.run takes alone
  pace   photos a second by the wall clock, of the best pass
  first  one photo, so that the caller can time the process
"""

import argparse
import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

SIDE = 640  # the longer side that the detectors see
FLOOR_RUNS = 3


class Recorder:
    """Stands before a session of ONNX Runtime and keeps what it was fed."""

    def __init__(self, session, calls):
        self.session, self.calls = session, calls

    def __getattr__(self, name):
        return getattr(self.session, name)

    def run(self, names, feeds, *more):
        self.calls.append((self.session, names, feeds))
        return self.session.run(names, feeds, *more)


class InsightFace:
    def __init__(self, options):
        keywords = {"providers": ["CPUExecutionProvider"]}
        if options.module == "insightface":
            import onnxruntime

            keywords["sess_options"] = onnxruntime.SessionOptions()
            keywords["sess_options"].intra_op_num_threads = options.threads
        self.pack = tempfile.TemporaryDirectory()  # read again when the first photo comes
        os.symlink(os.path.abspath(options.det), os.path.join(self.pack.name, "det.onnx"))
        os.symlink(os.path.abspath(options.rec), os.path.join(self.pack.name, "rec.onnx"))
        self.app = importlib.import_module(f"{options.module}.app").FaceAnalysis(name=self.pack.name, **keywords)
        self.app.prepare(ctx_id=0, det_size=(SIDE, SIDE))

    def faces(self, image):
        return [(*face.bbox, face.det_score, face.normed_embedding) for face in self.app.get(image)]

    def record(self):
        """From now on what the sessions are fed is appended to the list that is returned."""
        calls = []
        detector, embedder = self.app.det_model, self.app.models["recognition"]
        session_for = detector._session_for_input_size
        detector._session_for_input_size = lambda size: Recorder(session_for(size), calls)
        embedder.session = Recorder(embedder.session, calls)
        return calls


class OpenCv:
    """YuNet, and SFace or another embedder: a file named *sface* is fed as SFace, others as InsightFace's are."""

    def __init__(self, options):
        self.detector = cv2.FaceDetectorYN.create(options.det, "", (SIDE, SIDE), 0.6, 0.3, 5000)
        self.is_sface = "sface" in os.path.basename(options.rec)
        self.aligner = cv2.FaceRecognizerSF.create(options.rec, "")
        self.net = None if self.is_sface else cv2.dnn.readNetFromONNX(options.rec)

    def embed(self, aligned):
        if self.is_sface:
            vector = self.aligner.feature(aligned)
        else:
            self.net.setInput(cv2.dnn.blobFromImage(aligned, 1 / 127.5, (112, 112), (127.5,) * 3, swapRB=True))
            vector = self.net.forward()
        return vector.ravel() / np.linalg.norm(vector)

    def faces(self, image):
        height, width = image.shape[:2]
        scale = min(1.0, SIDE / max(height, width))
        small = image if scale == 1.0 else cv2.resize(image, (max(1, int(width * scale)), max(1, int(height * scale))))
        self.detector.setInputSize((small.shape[1], small.shape[0]))
        found = []
        rows = self.detector.detect(small)[1]
        for row in rows if rows is not None else []:
            row = row.copy()
            row[:14] /= scale
            x, y, w, h = row[:4]
            found.append((x, y, x + w, y + h, row[14], self.embed(self.aligner.alignCrop(image, row[None]))))
        return found

    def record(self):
        return None  # its sessions are inside OpenCV


def decode(data):
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def least_ms(runs, action):
    best = float("inf")
    for _ in range(runs):
        start = time.process_time()
        action()
        best = min(best, time.process_time() - start)
    return best * 1e3


def floors(peer, photos):
    """The least CPU ms a photo of session.run on the same inputs, and of decoding alone."""
    calls = peer.record()
    sessions = decoding = 0.0
    for data in photos.values():
        decoding += least_ms(FLOOR_RUNS, lambda: decode(data))
        if calls is not None:
            calls.clear()
            peer.faces(decode(data))
            fed = list(calls)
            sessions += least_ms(FLOOR_RUNS, lambda: [session.run(names, feeds) for session, names, feeds in fed])
    return {"floor": sessions / len(photos) if calls is not None else None, "decode": decoding / len(photos)}


def measure_faces(peer, photos, passes):
    best, dump = dict.fromkeys(photos, float("inf")), {}
    for _ in range(passes + 1):  # the first warms up
        for name, data in photos.items():
            start = time.process_time()
            dump[name] = peer.faces(decode(data))
            best[name] = min(best[name], time.process_time() - start)
    plain = {name: [[*map(float, face[:5]), [float(v) for v in face[5]]] for face in faces]
             for name, faces in dump.items()}
    return {"ms": 1e3 * sum(best.values()) / len(best), "dump": plain, **floors(peer, photos)}


def measure_pace(peer, photos, passes):
    best = float("inf")
    for _ in range(passes + 1):
        start = time.monotonic()
        for data in photos.values():
            peer.faces(decode(data))
        best = min(best, time.monotonic() - start)
    return {"images_s": len(photos) / best}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("what", choices=["faces", "pace", "first"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("det")
    parser.add_argument("rec")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    answer, sys.stdout = sys.stdout, sys.stderr  # InsightFace prints what it loads
    cv2.setNumThreads(options.threads)
    photos = {path.name: np.frombuffer(path.read_bytes(), np.uint8) for path in sorted(options.folder.iterdir())}
    peer = OpenCv(options) if options.module == "opencv" else InsightFace(options)
    if options.what == "faces":
        result = measure_faces(peer, photos, options.passes)
    elif options.what == "pace":
        result = measure_pace(peer, photos, options.passes)
    else:
        result = {"faces": len(peer.faces(decode(next(iter(photos.values())))))}
    print(json.dumps(result), file=answer)


if __name__ == "__main__":
    main()
