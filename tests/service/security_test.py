"""A test for each sentence of what docs/service.md says about who may ask."""

import json
import os
import pathlib
import re
import signal
import socket
import stat

import pytest

from conftest import BINARY, form, head, wait_until

KEYED = ("/v1/devices", "/v1/models", "/metrics", "/ping")
OPEN = ("/", "/healthz", "/readyz", "/openapi.json")


@pytest.fixture
def with_key(start, mien):
    """A service for other computers, and its key."""
    key = mien("keys", "add", "crawler").stdout.strip()
    return start("--no-sandbox", listen="0.0.0.0:0"), key


# ---- On loopback

def test_on_loopback_no_key_is_needed(service):
    for path in (*KEYED, *OPEN):
        assert service.get(path).status in (200, 503), path


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST:8765", "127.0.0.1:80"])
def test_host_is_one_of_this_computer(service, host):
    assert service.get("/v1/devices", host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:8765", "127.0.0.1.nip.io",
                                  "10.0.0.1", "localhost:", "[::1", "faces.home"])
def test_another_host_is_refused_on_every_route(service, host):
    for path in (*KEYED, *OPEN, "/nowhere"):
        if host == "localhost:":
            continue  # an empty port is none
        assert service.get(path, host=host).status == 403, path


def test_a_name_of_host_may_be_added(start):
    service = start("--host", "faces.home", "--host", "other.home")
    assert service.get("/v1/devices", host="faces.home:8765").status == 200
    assert service.get("/v1/devices", host="other.home").status == 200
    assert service.get("/v1/devices", host="third.home").status == 403


def test_pages_of_other_sites_are_refused(service, photo):
    own = f"localhost:{service.port}"
    foreign = ["Origin: http://evil.example", "Origin: null", "Origin: http://localhost:1",
               "Sec-Fetch-Site: cross-site", f"Origin: http://evil.example:{service.port}"]
    for header in foreign:
        for path in (*KEYED, *OPEN):
            assert service.get(path, headers=[header], host=own).status == 403, header
        assert service.post_form("/v1/analyze", [("image", "a", photo)], headers=[header], host=own).status == 403
        assert service.post_form("/predict", [("entries", None, b"{}")], headers=[header], host=own).status == 403
    same = [f"Origin: http://{own}", "Sec-Fetch-Site: same-origin"]
    assert service.post_form("/v1/analyze", [("image", "a", photo)], headers=same, host=own).status == 200


def test_nothing_lets_a_page_read_answers(service):
    answer = service.get("/healthz")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert service.ask("OPTIONS", "/v1/analyze", headers=["Access-Control-Request-Method: POST"]).status == 405


# ---- Elsewhere

def test_without_a_key_file_the_start_is_refused(mien):
    for listen in ("0.0.0.0:0", "[::]:0"):
        result = mien("serve", "--listen", listen)
        assert result.returncode == 2
        assert "mien keys add" in result.stderr and "127.0.0.1" in result.stderr


def test_a_key_is_printed_once_and_stored_as_its_digest(mien, tmp_path):
    made = mien("keys", "add", "crawler")
    key = made.stdout.strip()
    assert made.returncode == 0 and re.fullmatch("[0-9a-f]{64}", key)
    path = tmp_path / "home" / ".config" / "mien" / "keys"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key not in path.read_text() and "crawler" in path.read_text()
    assert mien("keys", "list").stdout == "crawler\n"
    assert mien("keys", "add", "crawler").returncode == 2, "a name twice"
    assert mien("keys", "remove", "nobody").returncode == 2
    assert mien("keys", "remove", "crawler").returncode == 0
    assert mien("keys", "list").stdout == ""


def test_all_but_the_open_routes_need_the_key(with_key):
    service, key = with_key
    for path in OPEN:
        assert service.get(path, host="any").status in (200, 503), path
    for path in (*KEYED, "/nowhere"):
        refused = service.get(path, host="any")
        assert refused.status == 401 and refused.headers["www-authenticate"] == "Bearer"
        for header in (f"Authorization: Bearer {key}", f"x-api-key: {key}", f"X-API-Key: {key}"):
            assert service.get(path, headers=[header], host="any").status in (200, 404), path
        for header in (f"Authorization: Bearer {key[:-1]}", f"Authorization: Basic {key}", "x-api-key: ",
                       f"x-api-key: {key}0", "X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1"):
            assert service.get(path, headers=[header], host="localhost").status == 401, header
    answer = service.post("/predict", form([("entries", None, b"{}")]),
                          headers=["Content-Type: multipart/form-data; boundary=b"], host="any")
    assert answer.status == 401


def test_pages_of_other_sites_are_refused_on_the_open_routes(with_key):
    service, key = with_key
    for path in OPEN:
        assert service.get(path, headers=["Sec-Fetch-Site: cross-site"], host="any").status == 403
        assert service.get(path, headers=["Origin: http://evil.example"], host="any").status == 403
    assert service.get("/v1/devices", headers=["Origin: http://a", f"x-api-key: {key}"], host="any").status == 200


def test_a_named_key_file_counts_on_loopback_too(start, mien, tmp_path):
    key = mien("keys", "add", "a", "--key-file", str(tmp_path / "keys")).stdout.strip()
    service = start("--key-file", str(tmp_path / "keys"))
    assert service.get("/v1/devices").status == 401
    assert service.get("/v1/devices", headers=[f"x-api-key: {key}"]).status == 200


def test_sighup_reads_the_keys_again(with_key, mien):
    service, key = with_key
    new = mien("keys", "add", "other").stdout.strip()
    assert service.get("/v1/devices", headers=[f"x-api-key: {new}"]).status == 401
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: service.get("/v1/devices", headers=[f"x-api-key: {new}"]).status == 200, 10)
    mien("keys", "remove", "crawler")
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: service.get("/v1/devices", headers=[f"x-api-key: {key}"]).status == 401, 10)
    path = service.folder / "home" / ".config" / "mien" / "keys"
    path.write_text("broken")
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the keys are those of before" in service.log(), 10)
    assert service.get("/v1/devices", headers=[f"x-api-key: {new}"]).status == 200


def test_immich_from_opens_its_two_routes_and_nothing_else(start, mien, own_address):
    mien("keys", "add", "crawler")
    service = start("--no-sandbox", "--immich-from", f"{own_address}/32", listen="0.0.0.0:0")
    there = {"host": "any", "address": own_address}
    assert service.get("/ping", **there).status == 200
    assert service.post_form("/predict", [("entries", None, b"{}")], **there).status not in (401, 403)
    for path in ("/v1/devices", "/v1/models", "/metrics"):
        assert service.get(path, **there).status == 401
    for header in (f"X-Forwarded-For: {own_address}", f"X-Real-IP: {own_address}"):
        assert service.get("/ping", headers=[header], host="any").status == 401, "the peer counts, not what it says"


def test_immich_from_knows_ipv6_and_mapped_addresses(start, mien):
    mien("keys", "add", "crawler")
    if not has_ipv6():
        pytest.skip("no IPv6 here")
    service = start("--no-sandbox", "--immich-from", "127.0.0.0/8", listen="[::]:0")
    assert service.get("/ping", host="any").status == 200, "an address of IPv4 on a socket of IPv6"
    assert service.get("/ping", host="any", address="::1").status == 401


@pytest.mark.parametrize("flags", [["--immich-from", "10.0.0.0/33"], ["--immich-from", "home"],
                                   ["--upstream", "https://a:1"], ["--upstream", "a:1"], ["--listen", "nowhere:1"],
                                   ["--listen", "127.0.0.1"], ["--listen", "127.0.0.1:99999"], ["--queue", "0"],
                                   ["--body-mb", "x"], ["--log-format", "xml"], ["--key-file", "/nonexistent"]])
def test_a_wrong_setting_is_said_before_the_start(mien, flags):
    result = mien("serve", *flags)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith("mien: ") and len(result.stderr.splitlines()) == 1


def test_what_is_open_is_not_taken_from_the_folder(mien, tmp_path):
    (tmp_path / ".env").write_text("MIEN_LISTEN=0.0.0.0:1\nMIEN_KEY_FILE=/x\nMIEN_IMMICH_FROM=0.0.0.0/0\n"
                                   "MIEN_UPSTREAM=http://a:1\nMIEN_NO_SANDBOX=true\nMIEN_SERVE_STORE=/x\n")
    values = {row["name"]: row["value"] for row in json.loads(mien("config", "--json").stdout)["settings"]}
    assert values["MIEN_LISTEN"] == "127.0.0.1:8765" and values["MIEN_KEY_FILE"] == ""
    assert values["MIEN_SERVE_STORE"] == ""
    assert values["MIEN_IMMICH_FROM"] == "" and values["MIEN_UPSTREAM"] == "" and values["MIEN_NO_SANDBOX"] == "false"


@pytest.mark.skipif(not pathlib.Path(BINARY).with_name("mien-decoder").exists(), reason="no mien-decoder in this build")
def test_strangers_images_are_decoded_in_the_sandbox(start, mien, photo):
    mien("keys", "add", "crawler")
    service = start(listen="0.0.0.0:0").ready()
    assert "mien-decoder" in children(service.process.pid)
    service.end()


def test_without_a_sandbox_the_start_fails_and_says_so(mien):
    mien("keys", "add", "crawler")
    result = mien("serve", "--listen", "0.0.0.0:0", MIEN_DECODER="/nonexistent/mien-decoder")
    assert result.returncode == 2
    assert "sandbox" in result.stderr and "--no-sandbox" in result.stderr


def test_no_key_no_name_and_no_vector_is_logged(start, mien, photo):
    key = mien("keys", "add", "crawler").stdout.strip()
    service = start("--no-sandbox", "--log-format", "json", listen="0.0.0.0:0", LOG_LEVEL="DEBUG").ready()
    keyed = [f"x-api-key: {key}", "Content-Type: multipart/form-data; boundary=b"]
    body = form([("images", "secret-name.jpg", photo)])
    answer = service.post("/v1/batch?embeddings=json", body, headers=keyed, host="any")
    assert answer.status == 200 and b"secret-name.jpg" in answer.body
    service.get("/v1/devices?secret-query=1", headers=[f"Authorization: Bearer {key}x"], host="any")
    assert service.end() == 0
    log = service.log()
    for line in log.splitlines():
        json.loads(line)
    for secret in (key, "secret-name", "secret-query", "0.0"[:0] or "embedding"):
        assert secret not in log, secret


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False


def children(pid):
    names = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if int(rest.split()[1]) == pid:
            names.append(name)
    return " ".join(names)


@pytest.fixture
def own_address():
    """An address of this computer that is no loopback, without asking anybody."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            address = probe.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    if address.startswith("127."):
        pytest.skip("this computer has no other address than loopback")
    return address
