"""A local server that behaves badly on purpose, and a catalogue whose models lie on it."""

import hashlib
import http.server
import json
import subprocess
import threading
import time

import pytest
from conftest import BINARY, DEPS

SECONDS_MAX = 120


class Served:
    """One address: its bytes, and how the server treats whoever asks for them."""

    def __init__(self, data, **behaviour):
        self.data = data
        self.etag = '"1"'
        self.status = 200
        self.type = "application/octet-stream"
        self.location = None
        self.ranges = True
        self.cut_after = None  # bytes of one answer; then the connection is closed
        self.pause_after = None  # bytes of one answer; then nothing more comes until `go_on`
        self.go_on = threading.Event()
        self.asked = []  # (Range, If-Range) of each request
        self.sent = 0
        self.__dict__.update(behaviour)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        served = self.server.files.get(self.path)
        if served is None:
            return self.answer(404, b"not here")
        wanted = self.headers.get("Range")
        served.asked.append((wanted, self.headers.get("If-Range")))
        if served.location:
            return self.answer(302, b"", [("Location", served.location)])
        data, status, headers = served.data, served.status, [("Content-Type", served.type)]
        if served.etag:
            headers.append(("ETag", served.etag))
        if wanted and served.ranges and self.headers.get("If-Range") in (None, served.etag):
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            if begin >= len(data):
                return self.answer(416, b"")
            headers.append(("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}"))
            data, status = data[begin:], 206
        self.answer(status, data, headers, served)

    def answer(self, status, data, headers=(), served=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for at in range(0, len(data), 16384):
            if served is not None:
                if served.cut_after is not None and at >= served.cut_after:
                    self.close_connection = True
                    self.connection.close()
                    return
                if served.pause_after is not None and at >= served.pause_after:
                    served.go_on.wait(SECONDS_MAX)
                served.sent += len(data[at : at + 16384])
            try:
                self.wfile.write(data[at : at + 16384])
            except OSError:
                self.close_connection = True
                return


class Server:
    def __init__(self):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.files = {}
        self.http.handle_error = lambda *_: None
        self.base = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def add(self, name, data, **behaviour):
        served = Served(data, **behaviour)
        self.http.files["/" + name] = served
        return served

    def close(self):
        for served in self.http.files.values():
            served.go_on.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def model(name):
    path = DEPS / name
    if not path.is_file():
        pytest.skip(f"no {path}: ./dev build fetches it")
    return path.read_bytes()


DETECTOR = "test-models/scrfd_2.5g_static640.onnx"
EMBEDDER = "models/fr_feature.onnx"


class Shop:
    """A catalogue whose rows lie on the local server, and a folder of models."""

    def __init__(self, mien, server):
        self.mien = mien
        self.server = server
        self.folder = mien.folder / "models"
        self.catalog = mien.folder / "shop.json"
        self.rows = []
        self.packs = []

    def row(self, name, data, role="detector", url=None, **fields):
        row = {"name": name, "role": role, "file": f"{name}.onnx", "size": len(data), "sha256": sha256(data)}
        row |= {"licence": "test terms", "url": url or f"{self.server.base}/{name}.onnx"}
        self.rows.append({key: value for key, value in (row | fields).items() if value is not None})

    def env(self, **more):
        self.catalog.write_text(json.dumps({"models": self.rows, "packs": self.packs}))
        return {"MIEN_CATALOG": str(self.catalog), "MIEN_MODEL_DIR": str(self.folder)} | more

    def __call__(self, *arguments, **options):
        return self.mien("models", *arguments, env=self.env(), **options)

    def pull(self, *arguments):
        return self("pull", *arguments)

    def start(self, *arguments, **options):
        environment = self.mien.environment(**self.env())
        command = [BINARY, "models", "pull", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.mien.folder, env=environment, **(pipes | options))

    def files(self):
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("."))


@pytest.fixture
def shop(mien, server):
    return Shop(mien, server)


def wait_until(condition):
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
