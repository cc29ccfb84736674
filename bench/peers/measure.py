"""One peer in a process of its own, in the environment that `bench/peers` made; prints one JSON line.

    measure.py MODULE faces|pace|first FOLDER DET REC [--passes N] [--threads N]

MODULE: opencv; plain (CenterFace and an embedder by ONNX Runtime, with OpenCV for the pixels, as programs without a
library do it); plain-folded (after rewriting the detector so that its weights are constant); or a module with
InsightFace's interface (insightface, mien.insightface).
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


class Plain:
    """CenterFace (Xu et al. 2019) in a 640 square, faces aligned and embedded one by one; fr_feature is fed as its
    package does, other embedders as InsightFace's are."""

    TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
                         [70.7299, 92.2041]], np.float32)
    STRIDE, SCORE_MIN, NMS = 4, 0.5, 0.3

    def __init__(self, options):
        import onnx
        import onnxruntime

        session_options = onnxruntime.SessionOptions()
        session_options.intra_op_num_threads = options.threads
        session_options.log_severity_level = 3
        model = onnx.load(options.det)
        if options.module == "plain-folded":
            # Published as it is, its weights are inputs too, and ONNX Runtime folds none of them.
            weights = {weight.name for weight in model.graph.initializer}
            inputs = [entry for entry in model.graph.input if entry.name not in weights]
            model.graph.ClearField("input")
            model.graph.input.extend(inputs)
        # Exported for another size: 1 x 3 x SIDE x SIDE is what it is to take.
        for index, side in enumerate((1, 3, SIDE, SIDE)):
            model.graph.input[0].type.tensor_type.shape.dim[index].dim_value = side
        model.graph.ClearField("value_info")
        for output in model.graph.output:
            output.type.tensor_type.ClearField("shape")
        self.detector = onnxruntime.InferenceSession(model.SerializeToString(), session_options,
                                                     providers=["CPUExecutionProvider"])
        self.embedder = onnxruntime.InferenceSession(options.rec, session_options, providers=["CPUExecutionProvider"])
        self.feeds_as_its_package = "fr_feature" in os.path.basename(options.rec)

    def detect(self, image):
        height, width = image.shape[:2]
        scale = SIDE / max(height, width)
        square = np.zeros((SIDE, SIDE, 3), np.uint8)
        small = cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))))
        square[:small.shape[0], :small.shape[1]] = small
        blob = cv2.dnn.blobFromImage(square, swapRB=True)
        heat, sizes, offsets, points = self.detector.run(None, {self.detector.get_inputs()[0].name: blob})
        rows, columns = np.nonzero(heat[0, 0] >= self.SCORE_MIN)
        at = (0, slice(None), rows, columns)
        tall, wide = (np.exp(sizes[at]) * self.STRIDE).T
        down, across = ((np.stack([rows, columns], 1) + offsets[at] + 0.5) * self.STRIDE).T
        left, top = np.maximum(0, across - wide / 2), np.maximum(0, down - tall / 2)
        right, bottom = np.minimum(left + wide, SIDE), np.minimum(top + tall, SIDE)
        marks = points[at].reshape(-1, 5, 2)[:, :, ::-1] * np.stack([wide, tall], 1)[:, None]
        marks += np.stack([left, top], 1)[:, None]
        scores = heat[0, 0][rows, columns]
        boxes = np.stack([left, top, right - left, bottom - top], 1)
        kept = np.array(cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), self.SCORE_MIN, self.NMS), int).ravel()
        boxes[:, 2:] += boxes[:, :2]
        return boxes[kept] / scale, scores[kept], marks[kept] / scale

    def embed(self, image, marks):
        aligned = cv2.warpAffine(image, cv2.estimateAffinePartial2D(marks, self.TEMPLATE, method=cv2.LMEDS)[0],
                                 (112, 112))
        divisor, swap = (128, False) if self.feeds_as_its_package else (127.5, True)
        blob = cv2.dnn.blobFromImage(aligned, 1 / divisor, (112, 112), (127.5,) * 3, swapRB=swap)
        vector = self.embedder.run(None, {self.embedder.get_inputs()[0].name: blob})[0].ravel()
        return vector / np.linalg.norm(vector)

    def faces(self, image):
        return [(*box, score, self.embed(image, marks.astype(np.float32)))
                for box, score, marks in zip(*self.detect(image))]

    def record(self):
        calls = []
        self.detector, self.embedder = Recorder(self.detector, calls), Recorder(self.embedder, calls)
        return calls


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
    peer = {"opencv": OpenCv, "plain": Plain, "plain-folded": Plain}.get(options.module, InsightFace)(options)
    if options.what == "faces":
        result = measure_faces(peer, photos, options.passes)
    elif options.what == "pace":
        result = measure_pace(peer, photos, options.passes)
    else:
        result = {"faces": len(peer.faces(decode(next(iter(photos.values())))))}
    print(json.dumps(result), file=answer)


if __name__ == "__main__":
    main()
