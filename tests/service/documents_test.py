"""docs/service.md is what the program does: its routes, its flags, and every line in it that can be run."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from conftest import BINARY, DEPS, Service
from people_album import put_records

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^<!-- runs: (.*?) -->\n```(\w+)\n(.*?)^```$", re.M | re.S)


def blocks(kind):
    return [script for what, _, script in BLOCK.findall(TEXT) if what == kind]


@pytest.fixture
def place(start, tmp_path):
    """A service, and a folder with the photos."""
    if not (DEPS / "photos").is_dir():
        pytest.skip(f"no photos in {DEPS}: ./dev build fetches them")
    (tmp_path / "photos").symlink_to((DEPS / "photos").resolve())
    return start().ready()


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
@pytest.mark.parametrize("script", blocks("status=200"))
def test_each_line_of_curl(place, tmp_path, script):
    script = script.replace("127.0.0.1:8765", f"127.0.0.1:{place.port}")
    result = subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert result.returncode == 0 and result.stdout, result.stderr + result.stdout


def test_the_lines_of_python(place, tmp_path):
    pytest.importorskip("httpx")
    (script,) = blocks("python")
    script = script.replace("127.0.0.1:8765", f"127.0.0.1:{place.port}")
    assert len([line for line in script.splitlines() if line]) <= 10
    result = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                            check=False)
    assert result.stdout == "1\n", result.stderr


@pytest.fixture(scope="module")
def with_all_routes(tmp_path_factory):
    """A service with every route that a flag adds."""
    folder = tmp_path_factory.mktemp("routes")
    put_records(folder / "people.mien", folder, [])
    one = Service(folder, ["--nextcloud", "--crawler", "--store", str(folder / "people.mien")])
    yield one
    if one.process.poll() is None:
        one.end(signal.SIGKILL)


def test_the_table_of_routes(with_all_routes):
    described = {(method.lower(), path, access == "everybody")
                 for routes, access in re.findall(r"^\| (`(?:GET|POST) .*?) \| (.*?) \|", TEXT, re.M)
                 for method, path in re.findall(r"(GET|POST) (/[\w./]*)", routes)}
    paths = with_all_routes.get("/openapi.json").json()["paths"]
    served = {(method, path, operation["security"] == [])
              for path, row in paths.items() for method, operation in row.items() if method != "head"}
    assert described == served


def test_each_route_is_served(with_all_routes):
    service = with_all_routes
    for path, row in service.get("/openapi.json").json()["paths"].items():
        for method in row:
            answer = service.ask(method.upper(), path, b"" if method == "post" else None)
            assert answer.status not in (404, 405), path
            assert str(answer.status) in row[method]["responses"], (path, answer.status)


def test_the_table_of_flags():
    help_text = subprocess.run([BINARY, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    config = subprocess.run([BINARY, "config"], capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"^\| `(--[\w-]+).*?` \| `(MIEN_\w+)`", TEXT, re.M)
    assert len(rows) >= 13
    for flag, setting in rows:
        assert flag in help_text and setting in config


def test_the_description_is_one_of_openapi(with_all_routes):
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(with_all_routes.get("/openapi.json").json())


NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


@pytest.mark.skipif(not (NGINX or os.environ.get("MIEN_TEST_NGINX")), reason="no nginx here")
def test_the_lines_of_nginx(start, mien, tmp_path, photo):
    key = mien("keys", "add", "crawler", "--key-file", str(tmp_path / "keys")).stdout.strip()
    service = start("--key-file", str(tmp_path / "keys"), "--host", "faces.example").ready()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (lines,) = re.findall(r"^```nginx\n(.*?)^```$", TEXT, re.M | re.S)
    lines = re.sub(r"^  ssl_.*\n", "", lines, flags=re.M).replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    lines = lines.replace("127.0.0.1:8765", f"127.0.0.1:{service.port}")
    folders = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n"
                      for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error;\nevents {{}}\n"
        f"http {{ access_log off; {folders} {lines} }}\n")
    server = subprocess.Popen([os.environ.get("MIEN_TEST_NGINX") or NGINX, "-c", str(tmp_path / "nginx.conf"),
                               "-e", str(tmp_path / "error")])
    try:
        there = type(service).__new__(type(service))
        there.port = port
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        keyed = [f"Authorization: Bearer {key}"]
        assert there.get("/healthz", host="faces.example").status == 200
        assert there.post("/v1/analyze", photo, host="faces.example").status == 401
        answer = there.post("/v1/analyze", photo, headers=keyed, host="faces.example")
        assert answer.status == 200 and len(answer.json()["faces"]) == 1
        batch = there.post_form("/v1/batch", [("images", "a", photo)] * 5, headers=keyed, host="faces.example")
        assert batch.status == 200 and len(batch.body.splitlines()) == 5
        assert there.get("/healthz", host="faces.example", headers=["Origin: http://evil.example"]).status == 403
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=20)
