"""`mien models pull`, from a server that behaves badly on purpose."""

import io
import json
import os
import pathlib
import resource
import shutil
import signal
import tempfile
import threading
import time
import zipfile

import pytest
from conftest import DEPS, run_in_terminal
from model_server import DETECTOR, EMBEDDER, SECONDS_MAX, model, server, sha256, shop, wait_until

__all__ = ["server", "shop"]  # fixtures

def test_pull_installs_and_the_model_works(shop, server, photos):
    data = model(DETECTOR)
    served = server.add("d.onnx", data)
    shop.row("shop_det", data, url=f"{server.base}/d.onnx")
    result = shop.pull("shop_det")
    assert result.returncode == 0, result.stderr
    assert "test terms" in result.stderr and "3.3 MB" in result.stderr and server.base in result.stderr
    assert (shop.folder / "shop_det.onnx").read_bytes() == data
    assert shop.files() == ["shop_det.onnx"]
    again = shop.pull("shop_det")
    assert again.returncode == 0 and len(served.asked) == 1
    assert shop.pull("shop_det", "--force").returncode == 0 and len(served.asked) == 2
    shutil.copy(DEPS / EMBEDDER, shop.folder)
    faces = shop.mien("faces", str(photos / "obama.jpg"), "--det", "shop_det", env=shop.env())
    assert faces.returncode == 0 and "1" in faces.stdout
    assert shop("verify").returncode == 1  # centerface is not in this folder, and it is a default
    removed = shop("remove", "shop_det")
    assert removed.returncode == 0 and "3.3 MB freed" in removed.stdout and shop.files() == ["fr_feature.onnx"]


def test_a_cut_is_gone_on_with(shop, server):
    data = model(DETECTOR)
    served = server.add("det.onnx", data, cut_after=1_000_000)
    shop.row("det", data)
    result = shop.pull("det")
    assert result.returncode == 1 and "run it again to go on" in result.stderr
    kept = (shop.folder / "det.onnx.part").stat().st_size
    assert 0 < kept < len(data)
    served.cut_after, served.sent = None, 0
    assert shop.pull("det").returncode == 0
    assert served.asked[-1] == (f"bytes={kept}-", '"1"') and served.sent == len(data) - kept
    assert (shop.folder / "det.onnx").read_bytes() == data and shop.files() == ["det.onnx"]


def cut_pull(shop, served):
    served.cut_after = 1_000_000
    assert shop.pull("det").returncode == 1
    served.cut_after, served.sent = None, 0
    assert (shop.folder / "det.onnx.part").stat().st_size > 0


def test_a_file_that_changed_meanwhile_is_begun_again(shop, server):
    data = model(DETECTOR)
    served = server.add("det.onnx", bytes(len(data)))  # an earlier version of the same size
    shop.row("det", data)
    cut_pull(shop, served)
    served.data, served.etag = data, '"2"'
    assert shop.pull("det").returncode == 0
    assert served.asked[-1][1] == '"1"' and served.sent == len(data)
    assert (shop.folder / "det.onnx").read_bytes() == data


def test_a_changed_file_that_the_server_does_not_tell_of(shop, server):
    data = model(DETECTOR)
    served = server.add("det.onnx", bytes(len(data)))
    shop.row("det", data)
    cut_pull(shop, served)
    served.data = data  # the ETag stays
    result = shop.pull("det")
    assert result.returncode == 0, result.stderr
    assert (shop.folder / "det.onnx").read_bytes() == data


@pytest.mark.parametrize("behaviour", [{"ranges": False}, {"etag": None}, {"etag": 'W/"1"'}])
def test_a_server_that_cannot_resume(shop, server, behaviour):
    data = model(DETECTOR)
    served = server.add("det.onnx", data, **behaviour)
    shop.row("det", data)
    cut_pull(shop, served)
    assert shop.pull("det").returncode == 0 and served.sent == len(data)
    assert (shop.folder / "det.onnx").read_bytes() == data


def test_a_wrong_checksum(shop, server):
    data = model(DETECTOR)
    wrong = data[:-1] + b"\0"
    server.add("det.onnx", wrong)
    shop.row("det", data)
    result = shop.pull("det")
    assert result.returncode == 1 and sha256(data) in result.stderr and sha256(wrong) in result.stderr
    assert shop.files() == []


def test_not_there(shop, server):
    shop.row("det", b"x" * 100)
    result = shop.pull("det")
    assert result.returncode == 2 and "404" in result.stderr and server.base in result.stderr
    assert not [name for name in shop.files() if name.endswith(".onnx")]


def test_the_next_address_is_tried(shop, server):
    data = model(DETECTOR)
    server.add("second.onnx", data)
    shop.row("det", data, url=[f"{server.base}/first.onnx", f"{server.base}/second.onnx"])
    assert shop.pull("det").returncode == 0


def test_a_web_page_instead_of_a_model(shop, server):
    data = model(DETECTOR)
    server.add("det.onnx", b"<html>please log in</html>", type="text/html; charset=utf-8")
    shop.row("det", data)
    result = shop.pull("det")
    assert result.returncode == 1 and "web page" in result.stderr and "login" in result.stderr
    assert not (shop.folder / "det.onnx").exists()


def test_more_than_announced(shop, server):
    server.add("det.onnx", bytes(5000))
    shop.row("det", bytes(4000))
    result = shop.pull("det")
    assert result.returncode == 1 and "5000" in result.stderr and "4000" in result.stderr


def test_a_server_that_falls_asleep(shop, server):
    data = model(DETECTOR)
    served = server.add("det.onnx", data, pause_after=500_000)
    shop.row("det", data)
    begin = time.monotonic()
    result = shop.pull("det", "--stall-seconds", "2")
    assert result.returncode == 1 and time.monotonic() - begin < 60
    assert "1024 bytes a second for 2 s" in result.stderr and "run it again to go on" in result.stderr
    served.pause_after = None
    served.go_on.set()
    assert shop.pull("det").returncode == 0 and served.asked[-1][0] is not None


def test_nobody_listens(shop):
    shop.row("det", b"x", url="http://127.0.0.1:9/det.onnx")
    result = shop.pull("det")
    assert result.returncode == 1 and "cannot fetch http://127.0.0.1:9/det.onnx" in result.stderr


def test_redirects(shop, server):
    data = model(DETECTOR)
    server.add("det.onnx", b"", location="/there.onnx")
    server.add("there.onnx", data)
    shop.row("det", data)
    assert shop.pull("det").returncode == 0
    server.add("circle.onnx", b"", location="/circle.onnx")
    server.add("file.onnx", b"", location=f"file://{(DEPS / DETECTOR).resolve()}")
    for name in ("circle", "file"):
        shop.row(name, data)
        result = shop.pull(name)
        assert result.returncode == 1 and f"/{name}.onnx" in result.stderr
        assert f"{name}.onnx" not in shop.files()
    assert len(server.http.files["/circle.onnx"].asked) == 6  # the first, and five redirects


def test_a_full_disk(shop, server):
    data = model(DETECTOR)
    served = server.add("det.onnx", data)
    shop.row("det", data)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    process = shop.start("det", preexec_fn=limit)
    _, text = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 1 and "free room and run it again to go on" in text, text
    assert (shop.folder / "det.onnx.part").stat().st_size == 1_000_000
    assert shop.pull("det").returncode == 0 and served.asked[-1][0] == "bytes=1000000-"


def test_too_little_room_is_said_before(shop, server):
    most = 4 << 30  # bytes that a row may state
    folders = [folder for folder in (str(shop.mien.folder), "/dev/shm") if os.access(folder, os.W_OK)]
    folders = [folder for folder in folders if shutil.disk_usage(folder).free < most]
    if not folders:
        pytest.skip("every disk here has room for the largest model")
    served = server.add("det.onnx", b"x")
    shop.row("det", b"x", size=most)
    with tempfile.TemporaryDirectory(dir=folders[0]) as folder:
        result = shop.mien("models", "pull", "det", env=shop.env(MIEN_MODEL_DIR=folder))
    assert result.returncode == 1 and "free room" in result.stderr and not served.asked


def test_licence_terms_of_a_catalogue_and_their_acceptance(shop, server):
    data = model(DETECTOR)
    served = server.add("det.onnx", data)
    shop.row("det", data, licence_must_be_accepted=True, licence_terms="Only on Sundays.", licence_url="http://example")
    result = shop.pull("det")
    assert result.returncode == 2 and "Only on Sundays." in result.stderr and "http://example" in result.stderr
    assert not served.asked and shop.files() == []
    assert shop.pull("det", "--accept-license").returncode == 0
    accepted = json.loads((shop.folder / "catalog.json").read_text())["accepted"]
    assert accepted[0]["name"] == "det" and accepted[0]["licence"] == "test terms" and accepted[0]["date"][:2] == "20"
    assert shop.pull("det", "--force").returncode == 0


def test_two_at_once(shop, server):
    data = model(DETECTOR)
    served = server.add("det.onnx", data, pause_after=500_000)
    shop.row("det", data)
    first = shop.start("det")
    wait_until(lambda: served.sent >= 500_000)
    second = shop.start("det")
    line = ""
    while "waiting" not in line:
        line = second.stderr.readline()
        assert line
    served.go_on.set()
    for process in (first, second):
        process.communicate(timeout=SECONDS_MAX)
        assert process.returncode == 0
    assert len(served.asked) == 1 and (shop.folder / "det.onnx").read_bytes() == data


def test_interrupted(shop, server):
    data = model(DETECTOR)
    served = server.add("det.onnx", data, pause_after=500_000)
    shop.row("det", data)
    process = shop.start("det")
    wait_until(lambda: (shop.folder / "det.onnx.part").is_file() and
               (shop.folder / "det.onnx.part").stat().st_size > 0)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130 and "kept" in text
    served.pause_after = None
    served.go_on.set()
    assert shop.pull("det").returncode == 0 and served.asked[-1][0] is not None


def test_progress_on_a_terminal(shop, server):
    data = model(DETECTOR)
    served = server.add("det.onnx", data, pause_after=500_000)
    shop.row("det", data)
    threading.Timer(2, served.go_on.set).start()
    environment = shop.mien.environment(**shop.env())
    screen = run_in_terminal(shop.mien.folder, ["models", "pull", "det"], environment)
    assert screen.returncode == 0 and " of 3.3 MB" in screen.plain
    assert not any(" of 3.3 MB" in row for row in screen.rows()), "the progress line goes away"


def test_what_is_no_face_model_is_not_installed(shop, server):
    data = b"no model at all"
    server.add("det.onnx", data)
    shop.row("det", data)
    result = shop.pull("det")
    assert result.returncode == 1 and shop.files() == []
    embedder = model(EMBEDDER)
    server.add("swapped.onnx", embedder)
    shop.row("swapped", embedder, role="detector")
    result = shop.pull("swapped")
    assert result.returncode == 2 and "is not a face detector" in result.stderr and shop.files() == []
    server.add("other.onnx", model(DETECTOR))
    shop.row("other", model(DETECTOR), decoder="yunet")
    result = shop.pull("other")
    assert result.returncode == 2 and "yunet" in result.stderr and shop.files() == []


def test_a_file_beside_the_catalogue(shop):
    data = model(DETECTOR)
    (shop.mien.folder / "beside.onnx").write_bytes(data)
    shop.row("det", data, url="beside.onnx")
    assert shop.pull("det").returncode == 0
    assert (shop.folder / "det.onnx").read_bytes() == data


# ---- packs


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def add_pack(shop, server, members):
    """A pack of a detector and an embedder; the archive holds `members`."""
    archive = zipped(members)
    shop.row("p_det", model(DETECTOR), url=None)
    shop.row("p_rec", model(EMBEDDER), role="embedder", feed="fr_feature", dimension=512)
    for row in shop.rows:
        row.pop("url", None)
    shop.packs = [{"name": "pack", "url": f"{server.base}/pack.zip", "size": len(archive),
                   "sha256": sha256(archive), "models": ["p_det", "p_rec"]}]
    return server.add("pack.zip", archive)


def test_a_pack(shop, server, photos):
    members = [("some/folder/p_det.onnx", model(DETECTOR)), ("genderage.onnx", b"stays where it is"),
               ("p_rec.onnx", model(EMBEDDER))]
    served = add_pack(shop, server, members)
    served.cut_after = 1_000_000
    assert shop.pull("pack").returncode == 1
    served.cut_after = None
    result = shop.pull("pack")
    assert result.returncode == 0, result.stderr
    assert served.asked[-1][0] is not None
    assert shop.files() == ["p_det.onnx", "p_rec.onnx"]
    command = ["compare", str(photos / "obama.jpg"), str(photos / "obama2.jpg"), "--det", "pack", "--rec", "pack"]
    compared = shop.mien(*command, "--threshold", "0.3", "--json", env=shop.env())
    assert compared.returncode == 0 and json.loads(compared.stdout)["model"] == "p_rec"
    assert shop("remove", "pack").returncode == 0 and shop.files() == []
    assert shop.pull("p_rec").returncode == 0 and shop.files() == ["p_rec.onnx"]


@pytest.mark.parametrize("name", ["../../p_det.onnx", "/tmp/mien-evil/p_det.onnx", "..\\p_det.onnx"])
def test_paths_of_an_archive_are_not_used(shop, server, name):
    add_pack(shop, server, [(name, model(DETECTOR)), ("p_rec.onnx", model(EMBEDDER))])
    assert shop.pull("pack").returncode == 0
    assert shop.files() == ["p_det.onnx", "p_rec.onnx"]
    assert not pathlib.Path("/tmp/mien-evil").exists()
    assert not (shop.folder.parent.parent / "p_det.onnx").exists()


def test_bombs_and_other_archives(shop, server):
    detector, embedder = model(DETECTOR), model(EMBEDDER)
    cases = {
        "more than": [("p_det.onnx", bytes(50_000_000)), ("p_rec.onnx", embedder)],
        "sha256": [("p_det.onnx", bytes(len(detector))), ("p_rec.onnx", embedder)],
        "holds no p_rec.onnx": [("p_det.onnx", detector)],
        "twice": [("p_det.onnx", detector), ("a/p_det.onnx", detector), ("p_rec.onnx", embedder)],
        "entries": [(str(i), b"") for i in range(2000)] + [("p_det.onnx", detector), ("p_rec.onnx", embedder)],
    }
    for part, members in cases.items():
        shop.rows, shop.packs = [], []
        add_pack(shop, server, members)
        result = shop.pull("pack")
        assert result.returncode == 1 and part in result.stderr, (part, result.stderr)
        assert shop.files() == [], part
    shop.rows, shop.packs = [], []
    add_pack(shop, server, [("p_det.onnx", detector), ("p_rec.onnx", embedder)])
    shop.rows[1]["dimension"] = 128  # all or nothing
    result = shop.pull("pack")
    assert result.returncode == 2 and "gives 512 numbers" in result.stderr and shop.files() == []
    server.add("pack.zip", b"PK no archive")
    shop.packs[0] |= {"size": 13, "sha256": sha256(b"PK no archive")}
    result = shop.pull("pack")
    assert result.returncode == 1 and "zip" in result.stderr and shop.files() == []
