"""`mien backends` and `mien doctor` as a user types them; a fake python3 stands for pip and the registry."""

import json
import os
import pathlib
import platform
import zipfile

import pytest

WHEEL = "onnxruntime_ep_webgpu-0.4.0-py3-none-manylinux_2_28_x86_64.whl"

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="packages are pinned for x86_64")


def fake_python(mien, script):
    """A python3 that comes first on PATH."""
    folder = mien.folder / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "python3"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def wheel(folder, text=b"not the real one"):
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        archive.writestr("onnxruntime_ep_webgpu/libonnxruntime_providers_webgpu.so", text)
        archive.writestr("onnxruntime_ep_webgpu-0.4.0.dist-info/licenses/LICENSE", "MIT")
    return folder


def installed(mien):
    folder = mien.home / ".local" / "share" / "mien" / "backends"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_list(mien):
    rows = {row["name"]: row for row in json.loads(mien("backends", "list", "--json").stdout)}
    assert list(rows) == ["cuda", "rocm", "mps", "webgpu", "openvino"]
    assert rows["cuda"]["package"] == "onnxruntime-gpu" and not rows["cuda"]["installed"]
    assert rows["cuda"]["download_bytes"] > 200e6 and "LICENSE" in rows["cuda"]["files"]
    assert rows["webgpu"]["folder"] == str(mien.home / ".local/share/mien/backends/webgpu")
    assert rows["mps"]["problem"]
    assert rows["openvino"]["licence"] == "Apache-2.0" and "libopenvino_c.so.2641" in rows["openvino"]["files"]
    text = mien("backends", "list").stdout
    assert "not for this computer" in text and "255.6" in text


def test_openvino_brings_its_provider_where_it_is_asked_for(mien):
    def plan(env=None):
        result = mien("backends", "install", "openvino", "--from", str(mien.folder), env=env or {})
        assert result.returncode == 2 and "holds no " in result.stderr
        assert installed(mien) == []
        return result.stderr

    assert "onnxruntime-ep-openvino 1.8.1 (MIT) and openvino 2026.4.1 (Apache-2.0)" in plan({"GPU_BACKEND": "openvino"})
    vendors = pathlib.Path("/sys/class/drm").glob("card*/device/vendor")
    if all(path.read_text().strip() != "0x8086" for path in vendors):
        assert "openvino: openvino 2026.4.1 (Apache-2.0), " in plan()


def test_another_checksum_is_refused(mien):
    result = mien("backends", "install", "webgpu", "--from", str(wheel(mien.folder / "wheels")))
    assert result.returncode == 1
    assert "is not the file that mien was tested with" in result.stderr
    assert "onnxruntime-ep-webgpu 0.4.0 (MIT)" in result.stderr and "16.5 MB" in result.stderr
    assert installed(mien) == []


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo '/usr/bin/python3: No module named pip' >&2; exit 1", "install the package python3-pip"),
        ("echo 'NewConnectionError: Name or service not known'; exit 1", "no network"),
        ("echo 'ERROR: No matching distribution found for x'; exit 1", "does not offer it"),
        ("echo 'OSError: [Errno 28] No space left on device'; exit 1", "the disk is full"),
        ("echo 'something else'; exit 1", "something else"),
        ("kill -9 $$", "signal 9"),
        ("exit 0", "holds no onnxruntime_ep_webgpu-0.4.0-"),
    ],
)
def test_pip_that_fails(mien, script, words):
    result = mien("backends", "install", "webgpu", env=fake_python(mien, script))
    assert result.returncode == 1
    assert words in result.stderr, result.stderr
    assert installed(mien) == []


def test_without_python(mien):
    empty = mien.folder / "empty"
    empty.mkdir()
    result = mien("backends", "install", "webgpu", env={"PATH": str(empty)})
    assert result.returncode == 1
    assert "there is no python3" in result.stderr and "--from" in result.stderr


def test_pip_is_asked_for_the_package_by_name(mien):
    source = wheel(mien.folder / "wheels")
    env = fake_python(
        mien,
        f'echo "$@" >> {mien.folder}/asked\n'
        f'while [ $# -gt 0 ]; do [ "$1" = --dest ] && cp {source}/{WHEEL} "$2"; shift; done\n',
    )
    result = mien("backends", "install", "webgpu", env=env)
    assert "is not the file that mien was tested with" in result.stderr, result.stderr  # it came as far as the checksum
    asked = (mien.folder / "asked").read_text()
    assert asked.startswith("-m pip download ") and asked.rstrip().endswith("onnxruntime-ep-webgpu==0.4.0")
    for option in ("--no-deps", "--only-binary :all:", "--platform manylinux_2_28_x86_64"):
        assert option in asked


def test_the_real_package(mien):
    wheels = pathlib.Path(os.environ.get("MIEN_TEST_BACKEND_WHEELS", "/nonexistent"))
    if not (wheels / WHEEL).exists():
        pytest.skip(f"no {WHEEL}: set MIEN_TEST_BACKEND_WHEELS to a folder with it")
    result = mien("backends", "install", "webgpu", "--from", str(wheels))
    assert result.returncode == 0, result.stderr
    assert installed(mien) == ["webgpu"]
    again = mien("backends", "install", "webgpu", "--from", "/nonexistent")
    assert again.returncode == 0 and "installed already" in again.stdout
    assert mien("doctor", "--open", "webgpu").returncode == 0
    assert "installed" in mien("backends", "list").stdout
    removed = mien("backends", "remove", "webgpu")
    assert removed.returncode == 0 and "16.5 MB freed" in removed.stdout
    assert installed(mien) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["backends"], "is missing"),
        (["backends", "instal", "cuda"], "did you mean 'install'"),
        (["backends", "install"], "NAME is missing"),
        (["backends", "install", "tpu"], "use one of cuda, rocm, mps, webgpu, openvino"),
        (["backends", "install", "cpu"], "always here"),
        (["backends", "install", "cuda", "--form", "x"], "did you mean --from"),
        (["backends", "remove", "tpu"], "use one of cuda"),
        (["doctor", "--open", "tpu"], "there is no backend 'tpu'"),
        (["doctor", "extra"], "extra"),
        (["doctor", "--backend", "tpu"], "GPU_BACKEND=tpu"),
    ],
)
def test_wrong_calls(mien, arguments, words):
    result = mien(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert words in result.stderr, result.stderr


def test_remove_what_is_not_there(mien):
    result = mien("backends", "remove", "cuda")
    assert result.returncode == 2 and "is not installed" in result.stderr


def test_doctor(mien):
    result = mien("doctor")
    assert result.returncode == 0
    assert "container:" in result.stdout and "\ncuda\n" in result.stdout
    answer = json.loads(mien("doctor", "--json").stdout)
    assert {"backend", "device", "gpu_asked", "gpu_usable", "conclusion", "commands", "checks"} == set(answer)
    assert answer["gpu_asked"] is False
    assert {check["finding"] for check in answer["checks"]} <= {"ok", "problem", "not_applicable"}
    if not answer["gpu_usable"]:
        assert mien("doctor", "--gpu").returncode == 3
        assert mien("doctor", "--backend", "cuda").returncode == 3
    assert mien("doctor", "--gpu", "--backend", "cpu").returncode == 0


def test_doctor_fits_the_screen(terminal):
    screen = terminal("doctor", width=60)
    assert screen.returncode == 0
    for row in screen.rows():
        assert len(row) <= 60 or "/" in row, row


def test_doctor_of_a_backend_that_is_not_installed(mien):
    result = mien("doctor", "--open", "cuda")
    assert result.returncode == 3
    assert result.stderr == "cuda is not installed: mien backends install cuda\n"


def test_folder_of_backends_is_a_setting(mien):
    folder = mien.folder / "mine"
    (folder / "webgpu").mkdir(parents=True)
    (folder / "webgpu" / "libonnxruntime_providers_webgpu.so").write_text("no library")
    env = {"MIEN_BACKEND_DIR": str(folder), "MIEN_ALLOW_SOFTWARE_GPU": "1"}  # a machine may have software alone
    rows = {row["name"]: row for row in json.loads(mien("backends", "list", "--json", env=env).stdout)}
    assert rows["webgpu"]["installed"] and rows["webgpu"]["folder"] == str(folder / "webgpu")
    broken = mien("doctor", "--open", "webgpu", env=env)
    assert broken.returncode == 3 and str(folder) in broken.stderr
    (mien.folder / ".env").write_text("MIEN_BACKEND_DIR=/tmp\n")
    assert "it says what runs" in mien("backends", "list").stderr
