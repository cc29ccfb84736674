"""Each command as a new user would type it, mistakes included."""

import base64
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time

import pytest

COMMANDS = [
    "scan",
    "faces",
    "index",
    "people",
    "find",
    "compare",
    "quality",
    "enhance",
    "crop",
    "thumbnail",
    "devices",
    "doctor",
    "backends",
    "config",
    "models",
    "bench",
    "tune",
    "store",
    "serve",
    "keys",
    "health",
    "version",
]


def is_one_clear_line(text):
    return text.startswith("mien: ") and text.count("\n") == 1


def records(text):
    return [json.loads(line) for line in text.splitlines()]


# Calls that say what there is.


def test_help_lists_every_command(mien):
    result = mien("--help")
    assert result.returncode == 0
    for command in COMMANDS:
        assert f"\n  {command} " in result.stdout
    assert mien("-h").stdout == mien("help").stdout == result.stdout


def test_no_arguments_prints_help_and_fails(mien):
    result = mien()
    assert result.returncode == 2
    assert result.stdout == ""
    assert "usage: mien" in result.stderr


@pytest.mark.parametrize(
    "command", [*COMMANDS, "models list", "models pull", "models add", "models remove", "models verify",
                "backends list", "backends install", "backends remove", "bench pipeline", "bench ops",
                "keys add", "keys list", "keys remove", "store check", "store backup", "store restore", "people list",
                "people show", "people name", "people is", "people not", "people merge", "people split",
                "people suggest", "people export", "people forget", "people undo"]
)
def test_every_command_has_help_with_usage(mien, command):
    result = mien(*command.split(), "--help")
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.startswith(f"usage: mien {command}")
    assert max(map(len, result.stdout.splitlines())) <= 100
    if command not in ("models list", "models verify"):
        assert "\nExamples:\n" in result.stdout


def test_version(mien):
    result = mien("--version")
    assert result.returncode == 0
    for part in ("mien ", "commit", "runtime:", "backends:", "formats:", "jpeg", "cpu"):
        assert part in result.stdout
    assert mien("version").stdout == result.stdout
    for line in result.stdout.splitlines():
        if line.startswith("missing:"):
            assert "(Debian package lib" in line or "install lib" in line


def test_every_format_is_there_or_missing(mien):
    lines = mien("version").stdout.splitlines()
    formats = [line for line in lines if line.startswith("formats:")][0].split(None, 1)[1].split(", ")
    missing = [line.split()[1].rstrip(":") for line in lines if line.startswith("missing:")]
    known = ["avif", "bmp", "gif", "heic", "jpeg", "png", "raw", "tiff", "webp"]
    assert sorted(formats + missing) == known


def test_devices(mien):
    result = mien("devices")
    assert result.returncode == 0
    assert "cpu" in result.stdout
    answer = json.loads(mien("devices", "--json").stdout)
    cpu = [backend for backend in answer["backends"] if backend["name"] == "cpu"][0]
    assert cpu["devices"][0]["cores"] >= 1
    assert list(answer["requested"].values()) == ["cpu"] * 5
    assert {"memory_used_mb", "memory_held_mb", "unified_memory", "software", "driver"} <= set(cpu["devices"][0])
    assert "\x1b" not in result.stdout


def test_devices_say_what_is_missing(mien):
    answer = json.loads(mien("devices", "--json", env={"VK_ICD_FILENAMES": "/nonexistent.json"}).stdout)
    status = {backend["name"]: backend["status"] for backend in answer["backends"]}
    assert list(status) == ["cuda", "rocm", "mps", "webgpu", "openvino", "cpu"]
    assert status["mps"] == "for Macs with Apple's processor"
    assert status["webgpu"] == "no device"
    assert status["cpu"].startswith("ready: onnxruntime")


def test_devices_label_software(mien):
    driver = os.environ.get("MIEN_TEST_SOFTWARE_VULKAN", "/usr/lib/chromium/vk_swiftshader_icd.json")
    if not os.path.exists(driver):
        pytest.skip("no SwiftShader: install chromium-common, or set MIEN_TEST_SOFTWARE_VULKAN to its .json")
    env = {"VK_ICD_FILENAMES": driver}
    answer = json.loads(mien("devices", "--json", env=env).stdout)
    webgpu = [backend for backend in answer["backends"] if backend["name"] == "webgpu"][0]
    if not webgpu["devices"]:
        pytest.skip("no Vulkan loader: install libvulkan1")
    assert webgpu["devices"][0]["software"] is True
    assert "mien backends install webgpu" in webgpu["status"]
    text = mien("devices", env=env).stdout
    assert "[software]" in text and "[unified memory]" in text
    assert "\nsoftware: " in text and "\nunified memory: " in text


def test_models(mien):
    result = mien("models", "list")
    assert result.returncode == 0
    assert "default" in result.stdout
    entries = json.loads(mien("models", "list", "--json").stdout)
    defaults = [entry for entry in entries if entry["is_default"]]
    assert {entry["role"] for entry in defaults} == {"detector", "embedder"}
    assert all(entry["licence"] for entry in entries)
    assert mien("models", "verify").returncode == 0


# Wrong calls: exit code 2, one line that says what to do, nothing on stdout.


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["scn", "photos"], "did you mean 'mien scan'"),
        (["wibble"], "mien --help"),
        (["--gpu", "scan"], "name the command first"),
        (["scan"], "SOURCE is missing"),
        (["scan", "x", "--thresold", "0.5"], "did you mean --threshold"),
        (["scan", "x", "--prec", "exact"], "did you mean --precision"),
        (["scan", "x", "-z"], "unknown option -z"),
        (["scan", "x", "--out", "--force"], "--out has no value"),
        (["scan", "x", "--out="], "--out has no value"),
        (["scan", "x", "--out"], "--out has no value"),
        (["scan", "x", "--quiet=yes"], "--quiet takes no value"),
        (["scan", "x", "--like", "a", "--like", "b"], "--like is given twice"),
        (["scan", "x", "--out", "a", "-o", "b"], "--out is given twice"),
        (["scan", "x", "--threads=1", "--threads", "2"], "--threads is given twice"),
        (["scan", "x", "--gpu", "--gpu=off"], "--gpu is given twice"),
        (["compare", "a", "b", "--det", "x", "--det", "x"], "--det is given twice"),
        (["scan", "x", "--gpu", "require"], "use --gpu=require"),
        (["faces", "--gpu", "off", "x"], "use --gpu=off"),
        (["scan", "x", "--gpu", "true"], "=require|off"),
        (["scan", "x", "--out", "f", "--resume", "--prune", "all"], "use --prune=all"),
        (["scan", "x", "--out", "f", "--prune"], "--prune needs --resume"),
        (["scan", "x", "--out", "f", "--resume", "--prune=some"], "--prune=some is not valid"),
        (["scan", ".", "--like", "."], "--like names one photo"),
        (["scan", ".", "--crops", "."], "is a source too"),
        (["scan", ".", "--crops", "/dev/null"], "not a folder"),
        (["scan", "--list", "."], "is a folder"),
        (["scan", "-", "--out", "f", "--resume"], "cannot be resumed"),
        (["scan", "https://example.org/a.jpg"], "fetch it first"),
        (["compare", "https://example.org/a.jpg", "b.jpg"], "fetch it first"),
        (["quality", "--gpu", "require", "x"], "use --gpu=require"),
        (["scan", "x", "--resume"], "--resume needs --out"),
        (["scan", "x", "--force"], "--force needs --out"),
        (["scan", "x", "--out", "f", "--force", "--resume"], "contradict"),
        (["scan", "x", "-0"], "needs --list"),
        (["scan", "x", "--threshold", "0.5"], "needs --like"),
        (["scan", "x", "--like", "y", "--threshold", "2"], "from -1 to 1"),
        (["scan", "x", "--like", "y", "--threshold", "nan"], "from -1 to 1"),
        (["scan", "x", "--min-quality", "high"], "from 0 to 1"),
        (["scan", "x", "--threads", "-1"], "from 0 to 1024"),
        (["scan", "x", "--threads", "2.5"], "whole number"),
        (["scan", "x", "--precision", "best"], "exact, default, fast"),
        (["scan", "x", "--detail", "closely"], "one of auto, off, full"),
        (["scan", "x", "--look-again"], "--look-again needs --resume"),
        (["scan", "x", "--embeddings", "csv"], "none, json, base64"),
        (["scan", "x", "--fail-on", "some"], "any, none"),
        (["scan", "x", "--batch", "0"], "--batch"),
        (["scan", "no-such-folder"], "no-such-folder"),
        (["scan", "x", "--det", "no-such-model"], "no-such-model"),
        (["faces"], "IMAGE... is missing"),
        (["compare", "one.jpg"], "A B is missing"),
        (["compare", "one.jpg", "two.jpg", "three.jpg"], "'three.jpg'"),
        (["quality"], "IMAGE... is missing"),
        (["enhance", "in.jpg"], "IN OUT is missing"),
        (["enhance", "missing.jpg", "out.jpg"], "missing.jpg"),
        (["crop", "a", "b", "--box", "1,2,3"], "left,top,right,bottom"),
        (["crop", "a", "b", "--box", "9,9,3,3"], "left,top,right,bottom"),
        (["thumbnail", "a", "b", "--size", "0x10"], "from 1"),
        (["config", "extra"], "no place for 'extra'"),
        (["models"], "list|pull|add|remove|verify is missing"),
        (["models", "optimize", "centerface"], "is gone, because"),
        (["models", "optimize", "--help"], "docs/models.md"),
        (["models", "lst"], "did you mean 'list'"),
        (["models", "add", "name"], "NAME FILE is missing"),
        (["models", "add", "name", "missing.onnx"], "missing.onnx"),
        (["bench", "everything"], "mien bench pipeline"),
        (["bench", "pipeline"], "--images DIR is missing"),
        (["bench", "pipeline", "--images", "missing-folder"], "missing-folder"),
    ],
)
def test_wrong_calls(mien, arguments, hint):
    result = mien(*arguments)
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert is_one_clear_line(result.stderr), result.stderr
    assert hint in result.stderr


def test_options_end_at_two_dashes(mien):
    result = mien("faces", "--", "--json")
    assert result.returncode == 1
    assert "no such file: --json" in result.stderr


def test_a_message_cannot_move_the_cursor(mien):
    result = mien("faces", "a\x1b[2J\n\u202ex.jpg")
    assert "\x1b" not in result.stderr
    assert is_one_clear_line(result.stderr)


# Answers.


def test_scan_in_a_pipe_is_json_lines(mien, photos):
    result = mien("scan", str(photos))
    assert result.returncode == 0, result.stderr
    rows = records(result.stdout)
    by_name = {os.path.basename(row["source"]): row for row in rows}
    assert len(by_name) == len(rows) == len(list(photos.iterdir()))
    assert abs(len(by_name["solvay_conference_1927.jpg"]["faces"]) - 29) <= 1
    assert by_name["chelsea.png"]["faces"] == []
    assert by_name["coffee.png"]["faces"] == []
    assert "embedding" not in result.stdout
    assert f"{len(rows)} images" in result.stderr
    assert "models:" in result.stderr
    assert "\r" not in result.stderr


def test_scan_finds_a_person(mien, photos):
    result = mien("scan", str(photos), "--like", str(photos / "obama.jpg"), "--out", "out.jsonl")
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    out = mien.folder / "out.jsonl"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    matches = {os.path.basename(r["source"]) for r in records(out.read_text()) if r["matches"]}
    assert {"obama.jpg", "obama2.jpg", "obama3.jpg"} <= matches
    assert "biden.jpg" not in matches
    assert "threshold 0." in result.stderr
    assert "false match" in result.stderr


def test_scan_does_not_overwrite_and_resumes(mien, photos):
    first = mien("scan", str(photos / "obama.jpg"), "--out", "out.jsonl", "--quiet")
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    again = mien("scan", str(photos), "--out", "out.jsonl")
    assert again.returncode == 2
    assert is_one_clear_line(again.stderr)
    resumed = mien("scan", str(photos), "--out", "out.jsonl", "--resume")
    assert resumed.returncode == 0
    assert "1 kept from before" in resumed.stderr
    sources = [row["source"] for row in records((mien.folder / "out.jsonl").read_text())]
    assert len(sources) == len(set(sources)) == len(list(photos.iterdir()))


def test_scan_reports_failures_and_goes_on(mien, photos):
    folder = mien.folder / "mixed"
    folder.mkdir()
    shutil.copy(photos / "obama.jpg", folder)
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("not an image")
    (folder / "cut.jpg").write_bytes((photos / "obama.jpg").read_bytes()[:9000])
    result = mien("scan", "mixed")
    assert result.returncode == 1
    by_name = {os.path.basename(row["source"]): row for row in records(result.stdout)}
    assert by_name["obama.jpg"]["error"] is None
    assert by_name["empty.jpg"]["error"]["code"] == "bad_data"
    assert by_name["text.jpg"]["error"]["message"]
    assert by_name["cut.jpg"]["error"] or by_name["cut.jpg"]["warnings"]
    assert result.stderr.count("\nfailed: ") == result.stderr.count("mixed/") >= 2
    assert mien("scan", "mixed", "--fail-on", "none").returncode == 0


def test_names_that_are_not_utf8_and_odd_folders(mien, photos):
    folder = os.fsencode(mien.folder / "[2019]")
    os.mkdir(folder)
    name = b"caf\xe9 \x1b[31m.jpg"
    shutil.copy(photos / "obama.jpg", os.path.join(folder, name))
    result = mien("scan", "[2019]")
    assert result.returncode == 0, result.stderr
    row = records(result.stdout)[0]
    assert base64.b64decode(row["source_base64"]) == b"[2019]/" + name
    table = mien("faces", "[2019]")
    assert "\x1b" not in table.stdout
    assert "\\xE9" in table.stdout


def test_scan_takes_a_list(mien, photos):
    paths = f"{photos.resolve()}/obama.jpg\0{photos.resolve()}/biden.jpg\0"
    result = mien("scan", "--list", "-", "-0", "--quiet", data=paths)
    assert result.returncode == 0, result.stderr
    assert len(records(result.stdout)) == 2


def test_faces(mien, photos):
    result = mien("faces", str(photos / "obama.jpg"), "missing.jpg", str(photos / "coffee.png"))
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert lines[0].split()[:3] == ["image", "face", "score"]
    assert len(lines) == 3
    assert "none" in lines[2]
    assert result.stderr == "mien: no such file: missing.jpg\n"


def test_faces_json_is_what_scan_writes(mien, photos):
    result = mien("faces", "--json", str(photos / "obama.jpg"), "missing.jpg")
    face, missing = records(result.stdout)
    assert len(face["faces"]) == 1
    assert missing["error"]["code"] == "not_found"


def test_compare(mien, photos):
    def compare(a, b, *more):
        return mien("compare", str(photos / a), str(photos / b), *more)

    same = compare("obama.jpg", "obama2.jpg")
    assert same.returncode == 0
    assert "the same person" in same.stdout
    assert "threshold 0." in same.stdout
    different = compare("obama.jpg", "biden.jpg")
    assert different.returncode == 1
    assert "different people" in different.stdout
    nobody = compare("obama.jpg", "coffee.png")
    assert nobody.returncode == 4
    assert "no face found" in nobody.stdout
    group = compare("solvay_conference_1927.jpg", "obama.jpg")
    assert "the largest is used" in group.stdout
    answer = json.loads(compare("obama.jpg", "obama3.jpg", "--json").stdout)
    assert answer["same"] is True
    assert answer["similarity"] > answer["threshold"]
    assert compare("obama.jpg", "obama2.jpg", "--threshold", "0.999").returncode == 1


def test_compare_never_calls_a_failure_different(mien, photos):
    (mien.folder / "bad.jpg").write_text("not an image")
    for path in ("bad.jpg", "missing.jpg", "."):
        result = mien("compare", path, str(photos / "obama.jpg"))
        assert result.returncode == 2, path
        assert is_one_clear_line(result.stderr)


def test_quality(mien, photos):
    result = mien("quality", str(photos / "obama.jpg"), str(photos / "coffee.png"))
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 3
    row = records(mien("quality", "--json", str(photos / "obama.jpg")).stdout)[0]
    assert 0 < row["quality"]["overall_score"] <= 1
    assert row["quality"]["occlusion_score"] is None
    (mien.folder / "bad.jpg").write_text("no")
    mixed = mien("quality", "bad.jpg", str(photos / "obama.jpg"))
    assert mixed.returncode == 1
    assert len(mixed.stdout.splitlines()) == 2
    assert is_one_clear_line(mixed.stderr)


def test_pictures(mien, photos):
    source = str(photos / "obama.jpg")
    for arguments in (["thumbnail", source, "t.jpg", "--size", "90x60"], ["crop", source, "c.jpg"]):
        result = mien(*arguments)
        assert result.returncode == 0, result.stderr
        written = mien.folder / arguments[2]
        assert written.read_bytes().startswith(b"\xff\xd8")
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        again = mien(*arguments)
        assert again.returncode == 2
        assert "--force" in again.stderr
        assert mien(*arguments, "--force").returncode == 0
    small = mien("enhance", "t.jpg", "e.jpg")
    assert small.returncode == 0
    assert "enlarged 4 times" in small.stderr
    large = mien("enhance", source, "same.jpg")
    assert "copied as it is" in large.stderr
    assert (mien.folder / "same.jpg").read_bytes() == (photos / "obama.jpg").read_bytes()
    nobody = mien("crop", str(photos / "coffee.png"), "n.jpg")
    assert nobody.returncode == 2
    assert not (mien.folder / "n.jpg").exists()
    boxed = mien("crop", str(photos / "coffee.png"), "n.jpg", "--box", "10,10,60,60")
    assert boxed.returncode == 0


def test_bench_pipeline(mien, photos):
    arguments = ["bench", "pipeline", "--images", str(photos), "--passes", "1", "--limit", "2"]
    result = mien(*arguments, "--dump", "dump.json")
    assert result.returncode == 0, result.stderr
    assert "sum of 2" in result.stdout
    assert len(json.loads((mien.folder / "dump.json").read_text())) == 2
    answer = json.loads(mien(*arguments, "--no-floor", "--json").stdout)
    assert answer["sums"]["images"] == 2
    assert answer["sums"]["cpu_ms"] > 0


def test_a_required_gpu_that_is_not_there(mien, photos):
    photo = str(photos / "obama.jpg")
    for command in (["scan", photo], ["faces", photo], ["compare", photo, photo]):
        result = mien(*command, "--gpu=require", "--backend", "cuda", "--device", "999")
        assert result.returncode == 3, result.stderr
        assert result.stdout == ""
        assert "GPU" in result.stderr


def test_a_gpu_that_is_not_there_is_said(mien, photos):
    photo = str(photos / "obama.jpg")
    result = mien("scan", photo, "--backend", "cuda", "--device", "999", env={"ALL_GPU": "true"})
    assert result.returncode == 0
    detection = records(result.stdout)[0]["placement"]["face_detection"]
    assert detection["requested"] == "gpu"
    assert detection["ran"] == "cpu"
    assert detection["reason"]


# Streams, signals and terminals.


def test_a_reader_that_goes_away_is_no_error(mien, photos):
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = mien.start("scan", str(photos), stdout=write_end, stderr=subprocess.PIPE)
    os.close(write_end)
    _, errors = process.communicate(timeout=120)
    assert errors == b""
    assert process.returncode == 141


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_full_disk_is_an_error(mien):
    with open("/dev/full", "wb") as full:
        process = mien.start("config", stdout=full, stderr=subprocess.PIPE)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"standard output: No space left on device" in errors


def test_closed_standard_files_do_not_crash(mien):
    def run(arguments):
        return subprocess.run(
            ["sh", "-c", f'"{os.environ["MIEN_BINARY"]}" {arguments}'],
            cwd=mien.folder, env=mien.environment(), check=False, timeout=60, capture_output=True, text=True
        )

    assert run("config <&- >&- 2>&-").returncode == 1, "nobody got the result"
    lost = run("config >&-")
    assert lost.returncode == 1
    assert "standard output" in lost.stderr
    unread = run("scan --list - <&-")
    assert unread.returncode == 1
    assert "standard input" in unread.stderr


def many_photos(mien, photos, count):
    folder = mien.folder / "many"
    folder.mkdir()
    small = mien("thumbnail", str(photos / "obama.jpg"), "small.jpg", "--size", "320x320")
    assert small.returncode == 0
    data = (mien.folder / "small.jpg").read_bytes()
    for i in range(count):
        # Different content each time, so that none is recognised as a copy.
        (folder / f"{i:04}.jpg").write_bytes(data + i.to_bytes(4, "big"))
    return folder


def test_interruption_keeps_what_is_done_and_says_how_to_go_on(mien, photos):
    many_photos(mien, photos, 150)
    arguments = ["scan", "many", "--out", "it's out.jsonl", "--force", "--threads", "1"]
    process = mien.start(*arguments, stderr=subprocess.PIPE, text=True)
    out = mien.folder / "it's out.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not out.exists() or out.stat().st_size == 0):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    line = [row.strip() for row in errors.splitlines() if "--resume" in row][0]
    assert "--force" not in line
    done = records(out.read_text())
    assert 0 < len(done) < 150
    again = subprocess.run(
        ["sh", "-c", line],
        cwd=mien.folder,
        env=mien.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert len({row["source"] for row in records(out.read_text())}) == 150


def test_a_scan_under_nohup_goes_on(mien, photos):
    many_photos(mien, photos, 40)
    process = mien.start(
        "scan",
        "many",
        "--out",
        "out.jsonl",
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    time.sleep(0.3)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=120) == 0
    assert len(records((mien.folder / "out.jsonl").read_text())) == 40


def test_a_second_interruption_ends_at_once(mien, photos):
    many_photos(mien, photos, 300)
    process = mien.start("scan", "many", "--threads", "1", stdout=subprocess.PIPE)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    process.stdout.close()
    assert process.wait(timeout=30) in (130, 141)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_terminal_gets_readable_lines(terminal, photos, width):
    screen = terminal("scan", photos, "--like", photos / "obama.jpg", width=width)
    assert screen.returncode == 0
    rows = [row for row in screen.rows() if row]
    # A word longer than a line, such as the path of a photo, stays whole so that it can be copied.
    assert all(len(row) <= width or len(row.split()) == 1 for row in rows)
    assert not any(row.startswith("{") for row in rows)
    assert any("obama2.jpg" in row and "match 0." in row for row in rows)
    assert any("coffee.png" in row and "no face" in row for row in rows)
    assert any("images" in row and "faces" in row for row in rows)


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize(
    "command", [["config"], ["devices"], ["models", "list"], ["--help"], ["scan", "--help"]]
)
def test_tables_and_help_fit_the_screen(terminal, command, width):
    screen = terminal(*command, width=width)
    assert screen.returncode == 0
    rows = screen.rows()
    # Paths and examples cannot be broken; everything else is.
    long_rows = [row for row in rows if len(row) > width and " " in row.strip()]
    long_rows = [row for row in long_rows if "mien " not in row and "jq" not in row]
    assert long_rows == []


def test_progress_is_shown_and_taken_away(terminal, mien, photos):
    many_photos(mien, photos, 40)
    screen = terminal("scan", "many", "--out", "out.jsonl")
    assert screen.returncode == 0
    assert "images/s" in screen.text
    assert "/40" in screen.text
    assert not any(row.startswith("[") for row in screen.rows())
    quiet = terminal("scan", "many", "--out", "out2.jsonl", "--quiet")
    assert quiet.text == ""


def test_ctrl_c_on_a_terminal(terminal, mien, photos):
    many_photos(mien, photos, 300)
    screen = terminal("scan", "many", "--out", "out.jsonl", interrupt_after="images/s")
    assert screen.returncode == 130
    assert "scan --resume many --out out.jsonl" in screen.plain.replace("\r\n", "\n")


def test_colours_only_where_wanted(terminal, photos):
    arguments = ["compare", photos / "obama.jpg", photos / "obama2.jpg"]
    assert "\x1b[" in terminal(*arguments).text
    assert "\x1b" not in terminal(*arguments, NO_COLOR="1").text
    assert "\x1b" not in terminal(*arguments, TERM="dumb").text
