"""Each row of what comes wrong: the status that it gets, and that no byte of a body is ever the next request."""

import json
import time

import pytest

from conftest import form, head

FORM = "Content-Type: multipart/form-data; boundary=b"


def check_error(answer, status, code):
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error", "request_id"} and set(body["error"]) == {"code", "message"}
    assert body["error"]["code"] == code
    assert body["request_id"] == answer.headers["x-request-id"]


def test_every_error_has_one_form(service):
    check_error(service.get("/nowhere"), 404, "not_found")
    check_error(service.get("/v1/analyze"), 405, "method_not_allowed")
    check_error(service.post("/v1/analyze", b"no image"), 422, "bad_data")
    check_error(service.post("/v1/analyze?min_score=x", b"\xff\xd8\xff"), 400, "invalid_argument")
    check_error(service.post("/v1/analyze?unknown=1", b"\xff\xd8\xff"), 400, "invalid_argument")
    check_error(service.get("/healthz", host="evil.example"), 403, "forbidden")


def test_a_body_over_the_limit_is_refused_before_it_is_read(service):
    with service.connect() as connection:
        connection.send(head("POST", "/v1/analyze", ["Content-Length: 67108865"]))
        answer = connection.receive()
        check_error(answer, 413, "limit_exceeded")
        assert answer.headers["connection"] == "close"


def test_a_sender_that_reads_later_sees_why(service):
    with service.connect() as connection:
        connection.send(head("POST", "/v1/analyze", ["Content-Length: 67108865"]) + bytes(900_000))
        time.sleep(0.3)
        assert connection.receive().status == 413


def test_a_chunked_body_over_the_limit(start):
    service = start("--body-mb", "1")
    with service.connect() as connection:
        connection.send(head("POST", "/v1/analyze", ["Transfer-Encoding: chunked"]))
        connection.send(b"100400\r\n" + bytes(0x100400) + b"\r\n")
        check_error(connection.receive(), 413, "limit_exceeded")


def test_more_than_a_thousand_parts(service):
    answer = service.post_form("/v1/batch", [("images", "a", b"x")] * 1001)
    if answer.status == 413:
        return check_error(answer, 413, "limit_exceeded")
    # The first records were on their way: the last line says it.
    assert json.loads(answer.body.splitlines()[-1])["error"]["code"] == "limit_exceeded"


@pytest.mark.parametrize("body, place", [
    (form([("", "x", b"1")]), "part 1"),
    (form([("image", "x", b"1")])[:-6], "part 1"),
    (b"no boundary", "before the first part"),
    (form([("image", "x", b"1")]) + b"more", "behind the last boundary"),
    (form([("image", "x", b"1")]).replace(b"form-data", b"attachment"), "part 1"),
])
def test_broken_forms_are_said_with_their_place(service, body, place):
    answer = service.post("/v1/analyze", body, headers=[FORM])
    check_error(answer, 400, "invalid_argument")
    assert place in answer.message


def test_a_form_that_is_none(service):
    check_error(service.post("/v1/compare", b"x"), 415, "unsupported")
    check_error(service.post("/v1/compare", b"x", headers=["Content-Type: multipart/form-data"]), 400,
                "invalid_argument")


def test_a_head_over_16_kib(service):
    check_error(service.get("/healthz", headers=["A: " + "a" * 17_000]), 431, "limit_exceeded")
    with service.connect() as connection:
        connection.send(b"GET /" + b"a" * 17_000)
        check_error(connection.receive(), 431, "limit_exceeded")
        assert connection.is_closed()


def test_a_head_that_is_not_finished_in_10_s(service):
    with service.connect() as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\nHost:")
        begin = time.monotonic()
        check_error(connection.receive(), 408, "timeout")
        assert 9 < time.monotonic() - begin < 14
        assert connection.is_closed()


def test_a_body_that_dribbles(service):
    with service.connect() as connection:
        connection.send(head("POST", "/v1/analyze", ["Content-Length: 100000"]))
        begin = time.monotonic()
        try:
            while time.monotonic() - begin < 30:
                connection.send(b"x" * 100)
                time.sleep(0.5)
        except OSError:
            pass
        assert 9 < time.monotonic() - begin < 16


AMBIGUOUS = {
    "two framings": head("POST", "/v1/analyze", ["Content-Length: 3", "Transfer-Encoding: chunked"]) + b"0\r\n\r\n",
    "two lengths": head("POST", "/v1/analyze", ["Content-Length: 3", "Content-Length: 3"]) + b"abc",
    "two other lengths": head("POST", "/v1/analyze", ["Content-Length: 3", "Content-Length: 4"]) + b"abc",
    "a list of lengths": head("POST", "/v1/analyze", ["Content-Length: 3, 3"]) + b"abc",
    "a signed length": head("POST", "/v1/analyze", ["Content-Length: +3"]) + b"abc",
    "chunked and more": head("POST", "/v1/analyze", ["Transfer-Encoding: gzip, chunked"]) + b"0\r\n\r\n",
    "a space before the colon": head("POST", "/v1/analyze", ["Content-Length : 3"]) + b"abc",
    "a folded line": head("GET", "/healthz", ["A: b", " c"]),
    "a bare CR": head("GET", "/healthz", ["A: b\rB: c"]),
    "a bare LF": b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "a zero byte": head("GET", "/healthz", ["A: \0"]),
    "a body with GET": head("GET", "/healthz", ["Content-Length: 3"]) + b"abc",
    "chunks with GET": head("GET", "/healthz", ["Transfer-Encoding: chunked"]) + b"3\r\nabc\r\n0\r\n\r\n",
    "no version": b"GET /healthz\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TRACE": head("TRACE", "/healthz"),
    "QUERY with a body": head("QUERY", "/v1/analyze", ["Content-Length: 3"]) + b"abc",
    "CONNECT": head("CONNECT", "localhost:1"),
    "an unknown method": head("BREW", "/healthz"),
    "PUT": head("PUT", "/v1/analyze", ["Content-Length: 3"]) + b"abc",
    "two hosts": head("GET", "/healthz", ["Host: localhost"]),
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_could_be_read_in_two_ways_ends_the_connection(service, name):
    with service.connect() as connection:
        connection.send(AMBIGUOUS[name] + head("GET", "/healthz"))
        answer = connection.receive()
        assert answer.status in (400, 405), answer.body
        assert answer.headers["connection"] == "close"
        assert (answer.status == 405) == ("allow" in answer.headers)
        assert connection.bytes == b"" and connection.is_closed(), "one answer alone"


def test_bad_chunks(service):
    for chunks in (b"x\r\nabc\r\n", b"3\r\nabcdefgh\r\n0\r\n\r\n", b"-1\r\n\r\n", b"ffffffffffffffffff\r\n"):
        with service.connect() as connection:
            connection.send(head("POST", "/v1/analyze", ["Transfer-Encoding: chunked"]) + chunks)
            check_error(connection.receive(), 400, "invalid_argument")


def test_a_body_that_ends_early(service):
    import socket
    with service.connect() as connection:
        connection.send(head("POST", "/v1/analyze", ["Content-Length: 100"]) + b"abc")
        connection.socket.shutdown(socket.SHUT_WR)
        check_error(connection.receive(), 400, "invalid_argument")


def test_requests_on_one_connection(service):
    with service.connect() as connection:
        connection.send(head("GET", "/healthz") + head("POST", "/v1/analyze", ["Content-Length: 8"]) + b"no image" +
                        head("GET", "/nowhere") + head("HEAD", "/healthz") + head("GET", "/healthz"))
        assert connection.receive().status == 200
        assert connection.receive().status == 422
        assert connection.receive().status == 404
        silent = connection.receive(has_body=False)
        assert silent.status == 200 and int(silent.headers["content-length"]) > 0
        assert json.loads(connection.receive().body) == {"status": "ok"}


def test_expect(service):
    with service.connect() as connection:
        connection.send(head("POST", "/v1/analyze", ["Content-Length: 8", "Expect: 100-continue"]))
        assert connection.line() == "HTTP/1.1 100 Continue" and connection.line() == ""
        connection.send(b"no image")
        assert connection.receive().status == 422


def test_a_client_that_reads_after_it_has_sent_all(service, photo):
    with service.connect() as connection:
        body = form([("images", f"{i}.jpg", photo) for i in range(40)])
        connection.send(head("POST", "/v1/batch", [FORM, f"Content-Length: {len(body)}"]) + body)
        time.sleep(1)
        records = connection.receive().body.splitlines()
        assert sorted(json.loads(record)["index"] for record in records) == list(range(40))


def test_connections_beyond_the_limit(start):
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        service = start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    idle = [service.connect() for _ in range(32)]
    time.sleep(0.5)
    with service.connect() as connection:
        connection.send(head("GET", "/healthz"))
        assert connection.receive().status == 200
    assert idle[0].is_closed(), "the one that was idle for longest"
    busy = [service.connect() for _ in range(32)]
    for connection in busy:
        connection.send(b"GET /healthz HTTP/1.1\r\n")
    time.sleep(0.5)
    with service.connect() as connection:
        answer = connection.receive()
        check_error(answer, 503, "unavailable")
        assert answer.headers["retry-after"].isdigit()
    for connection in idle + busy:
        connection.socket.close()
    time.sleep(0.5)
    assert service.get("/healthz").status == 200


def test_headers_that_every_answer_has(service):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for path in ("/healthz", "/nowhere", "/v1/analyze"):
        answer = service.get(path, headers=["X-Request-Id: my.id_1-x", f"traceparent: {trace}"])
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"] == "my.id_1-x"
        assert answer.headers["traceparent"].split("-")[1] == trace.split("-")[1]
    for wrong in ("a b", "a" * 65, "ä", '"'):
        answer = service.get("/healthz", headers=[f"X-Request-Id: {wrong}"])
        assert answer.headers["x-request-id"] != wrong and len(answer.headers["x-request-id"]) == 32


def test_dribbling_connections_hold_nobody_up(service):
    """Others are answered while they dribble, and each of them once it has asked: nobody's turn was somebody else's."""
    dribbling = [service.connect() for _ in range(400)]
    for connection in dribbling:
        connection.send(b"GET")
    for _ in range(10):
        assert service.get("/healthz").status == 200
    for connection in dribbling:
        connection.send(head("GET", "/healthz").removeprefix(b"GET"))
    assert {connection.receive().status for connection in dribbling} == {200}
    for connection in dribbling:
        connection.socket.close()
