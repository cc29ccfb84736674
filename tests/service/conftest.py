"""The service as its clients see it: the real program on a port of its own, and raw connections to it."""

import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time

import pytest

BINARY = os.environ.get("MIEN_BINARY", "")
DEPS = pathlib.Path(os.environ.get("MIEN_TEST_DEPS", ".deps"))
START_SECONDS_MAX = 120  # sanitizer builds are slow
SECONDS_MAX = 600  # for one command or answer, likewise

if not BINARY:
    raise pytest.UsageError("MIEN_BINARY is not set: run these tests through ctest or ./dev test")


class Answer:
    """One answer of HTTP/1.1."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def message(self):
        return self.json()["error"]["message"]


class Connection:
    """A client that does what is wrong as easily as what is right."""

    def __init__(self, port, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=60)
        self.bytes = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def more(self):
        piece = self.socket.recv(65536)
        self.bytes += piece
        return bool(piece)

    def line(self):
        while b"\r\n" not in self.bytes:
            if not self.more():
                raise ConnectionError(f"the connection ended: {self.bytes!r}")
        line, self.bytes = self.bytes.split(b"\r\n", 1)
        return line.decode()

    def exactly(self, size):
        while len(self.bytes) < size:
            if not self.more():
                raise ConnectionError("half an answer")
        data, self.bytes = self.bytes[:size], self.bytes[size:]
        return data

    def receive(self, has_body=True):
        status = int(self.line().split()[1])
        headers = {}
        while line := self.line():
            name, value = line.split(": ", 1)
            headers[name.lower()] = value
        if status == 100:
            return self.receive(has_body)
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while size := int(self.line(), 16):
                body += self.exactly(size)
                self.exactly(2)
            self.exactly(2)
        elif has_body:
            body = self.exactly(int(headers["content-length"]))
        return Answer(status, headers, body)

    def is_closed(self):
        """Whether nothing comes any more but the end."""
        while True:
            try:
                if not self.socket.recv(65536):
                    return True
            except ConnectionResetError:
                return True
            except TimeoutError:
                return False


def head(method, path, headers=(), host="localhost"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def wait_until(is_so, seconds):
    limit = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < limit, "too late"
        time.sleep(0.05)


def form(parts, boundary="b"):
    """A multipart body; parts are (name, file name or None, bytes)."""
    body = b""
    for name, file_name, data in parts:
        file_part = "" if file_name is None else f'; filename="{file_name}"'
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file_part}\r\n\r\n'.encode()
        body += data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


class Service:
    """A running `mien serve`."""

    def __init__(self, folder, arguments, listen="127.0.0.1:0", **variables):
        self.folder = folder
        home = folder / "home"
        home.mkdir(exist_ok=True)
        kept = ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
        self.environment = {name: os.environ[name] for name in kept if name in os.environ}
        self.environment |= {"HOME": str(home), "LANG": "C.UTF-8"} | variables
        self.log_path = folder / "log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--listen", listen, *arguments], cwd=folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self.port = self._port()

    def _port(self):
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS_MAX)
        line = self.process.stdout.readline().decode() if ready else ""
        match = re.fullmatch(r"listening on http://\S+:(\d+)\n", line)
        if not match:
            self.end(signal.SIGKILL)
            raise AssertionError(f"it did not start: {line!r} {self.log()}")
        return int(match[1])

    def log(self):
        return self.log_path.read_text(encoding="utf-8")

    def connect(self, host="127.0.0.1"):
        return Connection(self.port, host)

    def ask(self, method, path, body=None, headers=(), host="localhost", address="127.0.0.1"):
        headers = [*headers, "Connection: close"]
        if body is not None:
            headers.append(f"Content-Length: {len(body)}")
        with self.connect(address) as connection:
            connection.socket.settimeout(SECONDS_MAX)
            connection.send(head(method, path, headers, host) + (body or b""))
            return connection.receive(has_body=method != "HEAD")

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, body, **options):
        return self.ask("POST", path, body, **options)

    def post_form(self, path, parts, headers=(), **options):
        kind = "Content-Type: multipart/form-data; boundary=b"
        return self.ask("POST", path, form(parts), headers=[*headers, kind], **options)

    def ready(self):
        limit = time.monotonic() + START_SECONDS_MAX
        while self.get("/readyz").status != 200:
            assert time.monotonic() < limit, self.log()
            time.sleep(0.05)
        return self

    def end(self, with_signal=signal.SIGTERM):
        """Ends this process and no other; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        code = self.process.wait(timeout=START_SECONDS_MAX)
        self.process.stdout.close()
        return code


def is_built_in():
    run = subprocess.run([BINARY, "serve", "--listen", "nowhere"], capture_output=True, text=True, check=False)
    return "has no 'serve'" not in run.stderr


@pytest.fixture(scope="session", autouse=True)
def needs_boost():
    if not is_built_in():
        pytest.skip("built without Boost")


@pytest.fixture
def start(tmp_path):
    """Starts services that end with the test."""
    services = []

    def start_one(*arguments, **options):
        services.append(Service(tmp_path, arguments, **options))
        return services[-1]

    yield start_one
    for service in services:
        if service.process.poll() is None:
            service.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One for the tests of a file that change nothing in it."""
    one = Service(tmp_path_factory.mktemp("service"), [])
    yield one
    if one.process.poll() is None:
        one.end(signal.SIGKILL)


@pytest.fixture
def mien(tmp_path):
    """Runs another command of the program in the same home."""
    (tmp_path / "home").mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "LANG": "C.UTF-8"}

    def run(*arguments, **variables):
        return subprocess.run([BINARY, *arguments], cwd=tmp_path, env=environment | variables, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_MAX, check=False)

    return run


@pytest.fixture(scope="session")
def photo():
    """The bytes of a photo with a face."""
    path = DEPS / "photos" / "obama.jpg"
    if not path.is_file():
        pytest.skip(f"no photos in {DEPS}: ./dev build fetches them")
    return path.read_bytes()
