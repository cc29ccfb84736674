"""The page at / and its policy; a page of another site in a real browser cannot send photos to the service; and no
name of a client is opened."""

import base64
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

import pytest

from conftest import form, head

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGE = """<!doctype html><title>page</title>
<form id=f method=post enctype=multipart/form-data action="http://127.0.0.1:PORT/v1/analyze"><textarea name=image>x
</textarea></form>
<script>
const url = "http://127.0.0.1:PORT/v1/quality";
fetch(url, {method: "POST", mode: "no-cors", body: "plain"}).catch(() => 0)
  .then(() => fetch("http://localhost:PORT/v1/devices").catch(() => 0))
  .then(() => document.getElementById("f").submit());
</script>"""


@pytest.mark.skipif(not CHROMIUM, reason="no chromium here")
def test_a_form_posted_from_another_origin(start, tmp_path):
    service = start("--log-format", "json").ready()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802, the name of the base class
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.replace("PORT", str(service.port)).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--no-first-run", f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=10000", "--dump-dom",
             f"http://127.0.0.1:{server.server_address[1]}/"],
            env={**os.environ, "HOME": str(tmp_path)}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            limit = time.monotonic() + 60
            while posts(service).count("/v1/analyze") < 1 and time.monotonic() < limit:
                time.sleep(0.2)
        finally:
            browser.kill()
            browser.wait()
        server.shutdown()
    asked = [line for line in requests(service) if line["route"].startswith("/v1/")]
    assert {line["route"] for line in asked} >= {"/v1/quality", "/v1/analyze"}
    assert all(line["status"] == 403 and line["images"] == 0 for line in asked), asked


def requests(service):
    lines = [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]
    return [line for line in lines if "route" in line]


def posts(service):
    return [line["route"] for line in requests(service) if line["method"] == "POST"]


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace here")
def test_nothing_that_a_request_names_is_opened(start, tmp_path, photo):
    service = start().ready()
    service.post("/v1/analyze", photo)
    log = tmp_path / "strace"
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=%file", "-o", str(log), "-p",
                               str(service.process.pid)], stderr=subprocess.PIPE)
    time.sleep(1)
    if tracer.poll() is not None:
        pytest.skip("strace may not trace here")
    named = "named-by-a-client"
    model = {"modelName": f"/tmp/{named}"}
    entries = json.dumps({"facial-recognition": {"detection": {**model, "options": {"minScore": 0.5}},
                                                 "recognition": model}}).encode()
    service.post_form("/predict", [("entries", None, entries), ("image", f"/tmp/{named}.jpg", photo)])
    service.post_form("/v1/batch", [("images", f"/tmp/{named}.jpg", photo), ("images", f"../{named}", b"x")])
    service.get(f"/../../tmp/{named}")
    service.get(f"/v1/models?detector=/tmp/{named}")
    service.post(f"/v1/analyze?detail=/tmp/{named}", photo, headers=[f"X-Model: /tmp/{named}"])
    with service.connect() as connection:
        body = form([("image", f"file:///tmp/{named}", photo)])
        connection.send(head("POST", "/v1/analyze", ["Content-Type: multipart/form-data; boundary=b",
                                                     f"Content-Length: {len(body)}"]) + body)
        assert connection.receive().status == 200
    tracer.terminate()
    tracer.wait(timeout=20)
    assert named not in log.read_text(errors="replace")


# ---- The page at /


def test_the_headers_of_the_page(service):
    answer = service.get("/")
    assert answer.status == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    text = answer.body.decode()
    for kind in ("script", "style"):
        (content,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy.pop(f"{kind}-src") == f"'sha256-{digest}'"
    assert policy == {"default-src": "'none'", "img-src": "blob: data:", "connect-src": "'self'",
                      "frame-ancestors": "'none'", "base-uri": "'none'", "form-action": "'none'"}
    assert service.ask("HEAD", "/").headers["content-length"] == str(len(answer.body))


def test_the_page_is_open_but_not_to_other_sites(start, mien):
    mien("keys", "add", "crawler")
    service = start("--no-sandbox", listen="0.0.0.0:0")
    assert service.get("/", host="any").status == 200
    assert service.get("/", host="any", headers=["Origin: http://evil.example"]).status == 403
    assert service.get("/", host="any", headers=["Sec-Fetch-Site: cross-site"]).status == 403


SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src" / "service" / "page"
FORBIDDEN = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|\beval\(|new Function|DOMParser|"
                       r"createContextualFragment|setHTML|javascript:|\son[a-z]+\s*=\s*[\"']|\sstyle\s*=|"
                       r"https?://(?!www\.w3\.org/)")


def test_no_source_of_the_page_makes_markup_of_text():
    files = sorted(path for path in SOURCES.iterdir() if path.suffix in (".html", ".js", ".css"))
    assert len(files) > 10
    found = [f"{path.name}: {match.group(0)}" for path in files
             for match in FORBIDDEN.finditer(path.read_text(encoding="utf-8"))]
    assert found == []
    for bad in ("a.innerHTML = b", '<a onclick="b()">', "<p style=color:red>", "eval(a)", "http://example.org/a.js"):
        assert FORBIDDEN.search(" " + bad), bad
