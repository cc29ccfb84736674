#!/usr/bin/env python3
"""What `mien serve` costs, how long requests wait, and what happens when there are too many.

    bench/service.py agree --photos DIR --det FILE --rec FILE      the faces of insightface 0.7.3, by /predict in exact
    bench/service.py peer --photos DIR --det FILE --rec FILE [--p3]     CPU a request against FastAPI with insightface
    bench/service.py overhead --photos DIR [--clients 64]          CPU beyond `mien scan` on the same files
    bench/service.py waiting --photo FILE                          queueing at 70 % of the capacity (needs vegeta)
    bench/service.py overload --photo FILE [--seconds 60]          five times what it can do (needs vegeta)
    bench/service.py memory --photo FILE [--count 20000]           what stays after many analyses
    bench/service.py pings --photo FILE [--clients 64]             100 /ping while the clients keep it busy
    bench/service.py dribble --photo FILE [--count 1000]           a request beside connections of a byte a second
    bench/service.py turns --photo FILE                            single requests beside a batch of 500
    bench/service.py announce --photo FILE [--count 1000]          memory where so many connections announce 64 MB
    bench/service.py nextcloud --photos DIR --pairs FILE           what the app's distances and confidences mean

The server runs on 127.0.0.1 and is measured by its own CPU time, from /proc; the load comes from other processes. What
is compared runs in turns, and the median of the ratios is printed. Needs httpx; agree and peer need insightface 0.7.3,
onnxruntime and OpenCV, peer FastAPI, uvicorn, python-multipart and orjson too, agree and peer Pillow, nextcloud numpy.
--pairs has a line a pair: two names of photos and 1 or 0, whether one person is on both, with tabs between them.
"""
import argparse
import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import httpx

TICKS = os.sysconf("SC_CLK_TCK")
ENTRIES = json.dumps({"facial-recognition": {
    "detection": {"modelName": "buffalo_l", "options": {"minScore": 0.5}},
    "recognition": {"modelName": "buffalo_l"}}})
TURNS = 10
KINDS = (".jpg", ".jpeg", ".png", ".webp")


class Server:
    """A server of its own process, and what it has used."""

    def __init__(self, command, port=None):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE if port is None else subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        if port is None:
            line = self.process.stdout.readline().decode()
            match = re.search(r"listening on http://\S+:(\d+)$", line.strip())
            if not match:
                sys.exit(f"{command[0]} did not start: {line!r}")
            port = int(match[1])
        self.address = f"http://127.0.0.1:{port}"
        self._wait()

    def _wait(self):
        for _ in range(600):
            try:
                if httpx.get(self.address + "/ping", timeout=2).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        sys.exit("the server does not answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def cpu(self):
        """Seconds of all its threads and of children that have ended."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / TICKS

    def resident_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def metric(self, name):
        """The sum of a metric's series."""
        page = httpx.get(self.address + "/metrics").text
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines()
                   if re.match(re.escape(name) + r"[{ ]", line))


def serve(options, *flags):
    return Server([options.mien, "serve", "--listen", "127.0.0.1:0", "--threads", str(options.threads), *flags])


def previews(folder, in_p3=False):
    """What Immich sends: a side of 1440, JPEG of quality 80; by its defaults in the colours of Display P3."""
    from PIL import Image, ImageCms, ImageOps  # noqa: PLC0415: of two commands alone

    profile = {}
    if in_p3:
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/oracle"))
        import icc_profiles  # noqa: PLC0415: needs numpy

        profile = {"icc_profile": icc_profiles.rgb("Display P3", icc_profiles.DISPLAY_P3)}
        to_p3 = ImageCms.buildTransform(ImageCms.createProfile("sRGB"),
                                        ImageCms.ImageCmsProfile(io.BytesIO(profile["icc_profile"])), "RGB", "RGB")
    result = []
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.suffix.lower() not in KINDS:
            continue
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        image.thumbnail((1440, 1440))
        if in_p3:
            image = ImageCms.applyTransform(image, to_p3)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=80, **profile)
        result.append((path.name, file.getvalue()))
    return result


def predict(client, image):
    answer = client.post("/predict", data={"entries": ENTRIES},
                         files={"image": ("blob", image, "application/octet-stream")})
    answer.raise_for_status()
    return answer.json()


# ---- The same faces as insightface


def insightface_models(det, rec):
    import cv2  # noqa: PLC0415
    import onnxruntime as ort  # noqa: PLC0415
    from insightface.model_zoo.scrfd import SCRFD  # noqa: PLC0415

    cv2.setNumThreads(1)
    one = ort.SessionOptions()
    one.intra_op_num_threads = 1
    detector = SCRFD(det, session=ort.InferenceSession(det, one, providers=["CPUExecutionProvider"]))
    detector.prepare(-1, input_size=(640, 640), det_thresh=0.5, nms_thresh=0.4)
    return detector, ort.InferenceSession(rec, one, providers=["CPUExecutionProvider"])


def insightface_faces(models, encoded):
    """(box, score, embedding) of each, the embedder fed as fr_feature is: BGR, divided by 128."""
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from insightface.utils import face_align  # noqa: PLC0415

    detector, embedder = models
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    boxes, landmarks = detector.detect(image)
    for box, points in zip(boxes, landmarks, strict=True):
        blob = cv2.dnn.blobFromImage(face_align.norm_crop(image, points), 1 / 128, (112, 112), (127.5,) * 3)
        yield box[:4], float(box[4]), embedder.run(None, {embedder.get_inputs()[0].name: blob})[0].ravel()


def agree(options):
    import numpy as np  # noqa: PLC0415

    models = insightface_models(options.det, options.rec)
    near, faces, worst_box, worst_cosine, unmatched = 0, 0, 0, 1.0, []
    with serve(options, "--precision", "exact", "--immich", f"buffalo_l={options.det}+{options.rec}") as server, \
            httpx.Client(base_url=server.address, timeout=60) as client:
        for name, preview in previews(options.photos):
            ours = predict(client, preview)["facial-recognition"]
            for box, score, embedding in insightface_faces(models, preview):
                if abs(score - 0.5) < 0.005:
                    near += 1
                    continue
                off = [max(abs(face["boundingBox"][side] - round(float(value)))
                           for side, value in zip(("x1", "y1", "x2", "y2"), box, strict=True)) for face in ours]
                if not off or min(off) > 1:
                    unmatched.append((name, score))
                    continue
                face = ours.pop(off.index(min(off)))
                other = np.array(json.loads(face["embedding"]))
                cosine = float(embedding @ other / np.linalg.norm(embedding) / np.linalg.norm(other))
                faces, worst_box, worst_cosine = faces + 1, max(worst_box, min(off)), min(worst_cosine, cosine)
            unmatched += [(name, face["score"]) for face in ours if abs(face["score"] - 0.5) >= 0.005]
    print(f"{faces} faces: boxes within {worst_box} px, cosines from {worst_cosine:.6f}; {near} within 0.005 of the "
          f"threshold left out; not found by both: {unmatched or 'none'}")


PEER = '''
import json, sys
import orjson
from fastapi import FastAPI, File, Form, Response
sys.path.insert(0, {folder!r})
import service
models = service.insightface_models({det!r}, {rec!r})
app = FastAPI()
@app.get("/ping")
def ping():
    return Response("pong")
@app.post("/predict")
def predict(entries: str = Form(), image: bytes = File()):
    json.loads(entries)
    faces = [dict(boundingBox=dict(zip(("x1", "y1", "x2", "y2"), map(float, box.round()))), score=score,
                  embedding=orjson.dumps(embedding, option=orjson.OPT_SERIALIZE_NUMPY).decode())
             for box, score, embedding in service.insightface_faces(models, image)]
    return Response(orjson.dumps({{"facial-recognition": faces}}), media_type="application/json")
'''


def peer(options):
    files = [preview for _, preview in previews(options.photos, options.p3)]
    code = PEER.format(folder=str(pathlib.Path(__file__).resolve().parent), det=options.det, rec=options.rec)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "peer.py").write_text(code)
        command = [sys.executable, "-m", "uvicorn", "peer:app", "--app-dir", folder, "--port", str(options.port),
                   "--log-level", "warning"]
        names = f"buffalo_l={options.det}+{options.rec}"
        with Server(command, options.port) as other, \
                serve(options, "--precision", "exact", "--immich", names) as exact, \
                serve(options, "--immich", names) as standard:
            servers = {"exact": exact, "default": standard, "peer": other}
            rows = {name: [] for name in servers}
            for turn in range(TURNS + 1):
                for name, server in servers.items():
                    used = cpu_a_request(server, files)
                    if turn > 0:
                        rows[name].append(used)
    for name in ("exact", "default"):
        ratios = [ours / theirs for ours, theirs in zip(rows[name], rows["peer"], strict=True)]
        print(f"{name}: {statistics.median(rows[name]) * 1000:.1f} ms a request, peer "
              f"{statistics.median(rows['peer']) * 1000:.1f}: median of {TURNS} ratios {statistics.median(ratios):.3f} "
              f"({min(ratios):.2f} to {max(ratios):.2f})")


def cpu_a_request(server, files):
    before = server.cpu()
    with httpx.Client(base_url=server.address, timeout=60) as client:
        for file in files:
            predict(client, file)
    return (server.cpu() - before) / len(files)


# ---- Beyond `mien scan`


def post_all(address, files, clients, path="/v1/analyze"):
    def work(share):
        with httpx.Client(base_url=address, timeout=120) as client:
            for file in share:
                client.post(path, content=file).raise_for_status()

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, [files[i::clients] for i in range(clients)]))


def overhead(options):
    paths = sorted(path for path in pathlib.Path(options.photos).iterdir() if path.suffix.lower() in KINDS)
    files = [path.read_bytes() for path in paths] * options.repeat
    ratios = []
    with tempfile.TemporaryDirectory() as folder, serve(options) as server:
        # A scan reads each content once: copies that differ by a byte behind the image's end.
        for i, data in enumerate(files):
            pathlib.Path(folder, f"{i:05}.jpg").write_bytes(data + i.to_bytes(4, "big"))
        copies = [path.read_bytes() for path in sorted(pathlib.Path(folder).iterdir())]
        scan = [options.mien, "scan", folder, "--threads", str(options.threads)]
        empty = [options.mien, "scan", str(paths[0]), "--threads", str(options.threads)]
        post_all(server.address, copies[:options.clients], options.clients)
        for _ in range(TURNS):
            start = cpu_of_children(empty)
            scanned = (cpu_of_children(scan) - start) / (len(files) - 1)
            before = server.cpu()
            post_all(server.address, copies, options.clients)
            ratios.append((server.cpu() - before) / len(files) / scanned)
            print(f"scan {scanned * 1000:.2f} ms an image, ratio {ratios[-1]:.3f}", flush=True)
    print(f"median of {TURNS} ratios {statistics.median(ratios):.3f}")


def cpu_of_children(command):
    before = os.times()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


# ---- Waiting and refusing


def vegeta(options, address, rate, seconds, path="/v1/analyze"):
    """The report of an open loop: requests come at an even pace, whatever the answers do."""
    target = f"POST {address}{path}\n@{options.photo}\n"
    attack = subprocess.run([options.vegeta, "attack", f"-rate={round(rate * 100)}/100s", f"-duration={seconds}s",
                             "-timeout=120s", "-max-workers=2000"],
                            input=target.encode(), stdout=subprocess.PIPE, check=True)
    encoded = subprocess.run([options.vegeta, "encode", "--to=json"], input=attack.stdout, stdout=subprocess.PIPE,
                             check=True)
    return [json.loads(line) for line in encoded.stdout.splitlines()]


def capacity(server, photo, seconds=10):
    """Images a second, with as many clients as keep it busy."""
    end = time.monotonic() + seconds

    def work(_):
        done = 0
        with httpx.Client(base_url=server.address, timeout=60) as client:
            while time.monotonic() < end:
                client.post("/v1/analyze", content=photo).raise_for_status()
                done += 1
        return done

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        start = time.monotonic()
        return sum(pool.map(work, range(8))) / (time.monotonic() - start)


def quantile_of_histogram(before, after, share):
    """From the two states of a Prometheus histogram, by linear interpolation as histogram_quantile() does."""
    counts = sorted((float(bound), after[bound] - before.get(bound, 0)) for bound in after)
    wanted = share * counts[-1][1]
    low, below = 0.0, 0.0
    for bound, count in counts:
        if count >= wanted:
            return low if bound == float("inf") else low + (bound - low) * (wanted - below) / max(1e-9, count - below)
        low, below = bound, count
    return low


def queue_histogram(server):
    page = httpx.get(server.address + "/metrics").text
    return {bound: float(count) for bound, count in
            re.findall(r'mien_queue_duration_seconds_bucket\{le="([^"]+)"\} (\S+)', page)}


def waiting(options):
    photo = pathlib.Path(options.photo).read_bytes()
    shares = []
    with serve(options) as server:
        capacity(server, photo, 3)
        for _ in range(5):
            rate = capacity(server, photo)
            service_time = options.threads / rate
            before = queue_histogram(server)
            results = vegeta(options, server.address, 0.7 * rate, options.seconds)
            p99 = quantile_of_histogram(before, queue_histogram(server), 0.99)
            shares.append(p99 / service_time)
            print(f"{rate:.1f}/s, {service_time * 1000:.1f} ms an image; at 70 % p99 of the queue "
                  f"{p99 * 1000:.1f} ms = {shares[-1]:.2f} times; {sum(r['code'] == 200 for r in results)} of "
                  f"{len(results)} answered", flush=True)
    print(f"median {statistics.median(shares):.2f} service times")


def overload(options):
    photo = pathlib.Path(options.photo).read_bytes()
    with serve(options) as server:
        capacity(server, photo, 3)
        used = server.cpu()
        rate = capacity(server, photo, 20)
        done_a_cpu_second = rate * 20 / (server.cpu() - used)
        used = server.cpu()
        results = vegeta(options, server.address, 5 * rate, options.seconds)
        used = server.cpu() - used
        good = sum(result["code"] == 200 for result in results)
        refused = [result for result in results if result["code"] == 503]
        times = sorted(result["latency"] / 1e6 for result in refused)
        without = sum("Retry-After" not in (result.get("headers") or {}) for result in refused)
        others = sorted({(result["code"], result.get("error", "")) for result in results
                         if result["code"] not in (200, 503)})
        start = time.monotonic()
        httpx.post(server.address + "/v1/analyze", content=photo, timeout=60).raise_for_status()
        print(f"capacity {rate:.1f}/s, {done_a_cpu_second:.1f} a CPU second; overloaded {good / used:.1f} a CPU second "
              f"({good / used / done_a_cpu_second:.3f}); {len(refused)} refused in {statistics.median(times):.1f} ms, "
              f"p99 {times[int(0.99 * len(times))]:.1f}; without Retry-After {without}; others {others}; the next one "
              f"took {time.monotonic() - start:.2f} s")


def memory(options):
    photo = pathlib.Path(options.photo).read_bytes()
    fifth = options.count // 5
    with serve(options) as server:
        seen = []
        for _ in range(5):
            post_all(server.address, [photo] * fifth, 8, options.path)
            seen.append(server.resident_mb())
            print(f"{seen[-1]:.1f} MB", flush=True)
    print(f"the last fifth over the second: {seen[4] / seen[1] - 1:+.2%}")


def timed_posts(server, photo, count):
    """Milliseconds of single requests, one after another."""
    times = []
    with httpx.Client(base_url=server.address, timeout=120) as client:
        for _ in range(count):
            begin = time.monotonic()
            client.post("/v1/analyze", content=photo).raise_for_status()
            times.append((time.monotonic() - begin) * 1000)
    return sorted(times)


def pings(options):
    photo = pathlib.Path(options.photo).read_bytes()
    times = []
    with serve(options, "--immich", "buffalo_l=centerface+fr_feature") as server:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            load = pool.submit(post_all, server.address, [photo] * options.clients * 8, options.clients)
            time.sleep(2)
            while not load.done() and len(times) < 100:
                begin = time.monotonic()
                httpx.get(server.address + "/ping", timeout=60).raise_for_status()
                times.append((time.monotonic() - begin) * 1000)
            is_busy = not load.done()
            load.result()
    print(f"{len(times)} pings beside {options.clients} clients (busy to the end: {is_busy}): median "
          f"{statistics.median(times):.1f} ms, slowest {max(times):.1f} ms")


def dribble(options):
    """A byte a second, in heads and in bodies, from another process' point of view no faster than a modem."""
    photo = pathlib.Path(options.photo).read_bytes()
    count = min(options.count, 1000)
    with serve(options) as server:
        port = int(server.address.rsplit(":", 1)[1])
        timed_posts(server, photo, 10)
        usual = timed_posts(server, photo, 100)
        sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        is_over = threading.Event()

        def send():
            heads = [b"POST /v1/analyze HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n" if i % 2 else
                     b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 1000 for i in range(count)]
            for at in range(1000):
                for i, one in enumerate(sockets):
                    # The head of every second one comes at once, its body byte by byte.
                    piece = heads[i] if i % 2 and at == 0 else b"z" if i % 2 else heads[i][at:at + 1]
                    with contextlib.suppress(OSError):
                        one.send(piece)
                if is_over.wait(1):
                    return

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(2)
        beside = timed_posts(server, photo, 100)
        is_over.set()
        sender.join()
        for one in sockets:
            one.close()
    print(f"beside {count} dribbling connections: median {statistics.median(beside):.1f} ms (alone "
          f"{statistics.median(usual):.1f}), slowest {beside[-1]:.1f} (alone {usual[-1]:.1f})")


def turns(options):
    photo = pathlib.Path(options.photo).read_bytes()
    ratios = []
    with serve(options) as server:
        timed_posts(server, photo, 10)
        for _ in range(5):
            idle = statistics.median(timed_posts(server, photo, 40))
            files = [("images", (f"{i}.jpg", photo)) for i in range(500)]
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                batch = pool.submit(httpx.post, server.address + "/v1/batch", files=files, timeout=600)
                time.sleep(1)
                beside = timed_posts(server, photo, 40)
                is_beside = not batch.done()
                lines = batch.result().text.splitlines()
            ratios.append(beside[int(0.95 * len(beside))] / idle)
            print(f"idle {idle:.1f} ms; p95 beside the batch {ratios[-1]:.2f} times (beside to the end: {is_beside}; "
                  f"{len(lines)} records)", flush=True)
    print(f"median {statistics.median(ratios):.2f} times")


def announce(options):
    count = min(options.count, 1000)
    with serve(options) as server:
        port = int(server.address.rsplit(":", 1)[1])
        httpx.post(server.address + "/v1/analyze", content=pathlib.Path(options.photo).read_bytes(), timeout=60)
        before = server.resident_mb()
        sockets = []
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port))
            one.setblocking(False)
            one.send(b"POST /v1/analyze HTTP/1.1\r\nHost: localhost\r\nContent-Length: 64000000\r\n\r\n")
            sockets.append(one)
        piece = b"\xff" * 65536
        peak, sent = before, 0
        end = time.monotonic() + min(options.seconds, 30)
        while time.monotonic() < end:
            _, ready, _ = select.select([], sockets[:900], [], 1)
            for one in ready:
                try:
                    sent += one.send(piece)
                except OSError:
                    sockets.remove(one)
            peak = max(peak, server.resident_mb())
        for one in sockets:
            one.close()
        httpx.post(server.address + "/v1/analyze", content=pathlib.Path(options.photo).read_bytes(),
                   timeout=60).raise_for_status()
    print(f"{count} connections announce 64 MB each and send {sent / 1e6:.0f} MB: {before:.0f} MB before, at most "
          f"{peak:.0f} MB")


def nextcloud(options):
    """Of all faces of the photos: close to the app exactly when their cosine says so; of the pairs: right or wrong."""
    import numpy as np  # noqa: PLC0415: of one command alone

    vectors, descriptors, good, poor, largest = [], [], [], [], {}
    with serve(options, "--nextcloud") as server, httpx.Client(base_url=server.address, timeout=60) as client:
        threshold = next(model["threshold_search"] for model in client.get("/v1/models").json()
                         if model["role"] == "embedder" and model["is_default"])
        for path in sorted(pathlib.Path(options.photos).rglob("*.jpg")):
            image = path.read_bytes()
            ours = client.post("/v1/analyze", content=image, params={"embeddings": "json"}).json()["faces"]
            told = client.post("/detect", files={"file": (str(path), image)}).json()["faces"]
            if len(ours) != len(told):
                sys.exit(f"{path}: {len(ours)} faces, and {len(told)} for Nextcloud")
            for face, one in zip(ours, told):
                (good if face["poor_reason"] is None else poor).append(one["detection_confidence"])
                size = (one["right"] - one["left"]) * (one["bottom"] - one["top"])
                largest[path.name] = max(largest.get(path.name, (0, 0)), (size, len(vectors)))
                vectors.append(face["embedding"])
                descriptors.append(one["descriptor"])
    unit = np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
    told = np.array(descriptors)
    wrong = same = 0
    nearest = 1.0
    for i in range(len(unit) - 1):
        cosines = unit[i + 1:] @ unit[i]
        close = np.linalg.norm(told[i + 1:] - told[i], axis=1) < 0.4
        wrong += int(np.sum(close != (cosines > threshold)))
        same += int(np.sum(close))
        nearest = min(nearest, float(np.min(np.abs(cosines - threshold))))
    pairs = len(unit) * (len(unit) - 1) // 2
    print(f"{len(unit)} faces, {pairs} pairs: {same} closer than 0.4, {wrong} where the cosine says otherwise "
          f"(threshold {threshold:.3f}; the nearest is {nearest:.1e} from it)")
    print(f"confidence: {len(good)} comparable faces from {min(good):.4f}; {len(poor)} poor ones to {max(poor):.4f}")
    counts = {"1": [0, 0], "0": [0, 0]}
    for line in pathlib.Path(options.pairs).read_text().splitlines():
        a, b, is_same = line.split("\t")
        if a in largest and b in largest:
            distance = np.linalg.norm(told[largest[a][1]] - told[largest[b][1]])
            counts[is_same][int(distance < 0.4)] += 1
    print(f"labelled pairs closer than 0.4: {counts['1'][1]} of {sum(counts['1'])} of one person, "
          f"{counts['0'][1]} of {sum(counts['0'])} of two")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["agree", "peer", "overhead", "waiting", "overload", "memory", "pings",
                                         "dribble", "turns", "announce", "nextcloud"])
    parser.add_argument("--mien", default="build/release/mien", help="the program")
    parser.add_argument("--photos", help="folder of photos")
    parser.add_argument("--photo", help="one photo")
    parser.add_argument("--p3", action="store_true", help="peer: previews in Display P3")
    parser.add_argument("--pairs", help="labelled pairs of the photos")
    parser.add_argument("--det", help="SCRFD as an ONNX file")
    parser.add_argument("--rec", help="fr_feature as an ONNX file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=5, help="times that each photo is sent in a turn")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--path", default="/v1/analyze")
    parser.add_argument("--port", type=int, default=18_770, help="of the peer")
    parser.add_argument("--vegeta", default="vegeta")
    options = parser.parse_args()
    globals()[options.what](options)


if __name__ == "__main__":
    main()
