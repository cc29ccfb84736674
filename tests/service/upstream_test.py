"""Immich's other tasks go to another service, unchanged."""

import json
import socket
import threading

import pytest

from conftest import form, head

CLIP = b'{"clip":{"visual":{"modelName":"ViT-B-32__openai"}}}'
FORM = "Content-Type: multipart/form-data; boundary=b"


class Upstream:
    """Another service, which remembers what it got and says what it is told."""

    def __init__(self, answer):
        self.answer = answer
        self.got = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def end(self):
        """Nobody listens any more; close() alone would leave the accept() that is under way."""
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                lines, body = data.split(b"\r\n\r\n", 1)
                headers = dict(line.lower().split(b": ", 1) for line in lines.split(b"\r\n")[1:])
                while len(body) < int(headers[b"content-length"]):
                    body += connection.recv(65536)
                self.got.append((lines.split(b"\r\n")[0], headers, body))
                connection.sendall(self.answer)


@pytest.fixture
def upstream():
    one = Upstream(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"clip":"[0.5]"}')
    yield one
    one.end()


def test_the_request_goes_on_as_it_came(start, upstream):
    service = start("--upstream", upstream.url)
    body = form([("entries", None, CLIP), ("image", "blob", bytes(range(256)) * 1000)])
    answer = service.post("/predict?a=b", body, headers=[FORM, "X-Other: 1", "Authorization: Bearer secret"])
    assert answer.status == 200 and answer.body == b'{"clip":"[0.5]"}'
    (line, headers, got), = upstream.got
    assert line == b"POST /predict?a=b HTTP/1.1"
    assert got == body
    assert headers[b"content-type"] == b"multipart/form-data; boundary=b" and headers[b"x-other"] == b"1"
    assert b"authorization" not in headers, "keys are not for others"


def test_its_errors_are_passed_on(start, upstream):
    upstream.answer = b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\noops"
    service = start("--upstream", upstream.url)
    answer = service.post_form("/predict", [("entries", None, CLIP), ("image", "blob", b"x")])
    assert answer.status == 500 and answer.body == b"oops" and answer.headers["content-type"] == "text/plain"


def test_one_that_is_down_is_said(start, upstream):
    upstream.end()
    service = start("--upstream", upstream.url)
    answer = service.post_form("/predict", [("entries", None, CLIP), ("image", "blob", b"x" * 100_000)])
    assert answer.status == 502 and upstream.url.encode() in answer.body
    assert service.get("/ping").status == 200


def test_one_that_hangs_up_is_said(start, upstream):
    upstream.answer = b""
    service = start("--upstream", upstream.url)
    answer = service.post_form("/predict", [("entries", None, CLIP), ("image", "blob", b"x")])
    assert answer.status == 502


def test_without_one_the_flag_is_named(service):
    answer = service.post_form("/predict", [("entries", None, CLIP), ("image", "blob", b"x")])
    assert answer.status == 501 and b"--upstream" in answer.body


def test_a_connection_goes_on_behind_it(start, upstream):
    service = start("--upstream", upstream.url)
    body = form([("entries", None, CLIP), ("image", "blob", b"x" * 200_000)])
    with service.connect() as connection:
        request = head("POST", "/predict", [FORM, f"Content-Length: {len(body)}"]) + body
        connection.send(request + head("GET", "/ping") + request)
        assert connection.receive().status == 200
        assert connection.receive().body == b"pong"
        assert connection.receive().status == 200
    assert [got for _, _, got in upstream.got] == [body, body]


def test_chunks_go_on_as_chunks(start):
    got = []

    def serve(server):
        connection, _ = server.accept()
        with connection:
            data = b""
            while not data.endswith(b"0\r\n\r\n"):
                data += connection.recv(65536)
            got.append(data)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        service = start("--upstream", f"http://127.0.0.1:{server.getsockname()[1]}")
        body = form([("entries", None, CLIP), ("image", "blob", b"x" * 100_000)])
        with service.connect() as connection:
            connection.send(head("POST", "/predict", [FORM, "Transfer-Encoding: chunked"]))
            for at in range(0, len(body), 30_000):
                piece = body[at:at + 30_000]
                connection.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            connection.send(b"0\r\n\r\n")
            assert connection.receive().body == b"{}"
    head_bytes, rest = got[0].split(b"\r\n\r\n", 1)
    assert b"transfer-encoding: chunked" in head_bytes and b"content-length" not in head_bytes
    joined = b""
    while True:
        size, rest = rest.split(b"\r\n", 1)
        if int(size, 16) == 0:
            break
        joined, rest = joined + rest[:int(size, 16)], rest[int(size, 16) + 2:]
    assert joined == body
    assert json.loads(CLIP)
