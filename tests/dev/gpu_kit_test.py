"""bench/gpu_kit.py with small files: what travels to a machine with a GPU arrives whole, or is said to be wrong."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "bench/gpu_kit.py"
sys.path.insert(0, str(SCRIPT.parent))
import gpu_kit


def container(*chips: int, code: bytes = b"\xc3" * 64) -> bytes:
    """A container of device code, as nvcc writes it: each entry has 64 bytes of header, those for 120 have 112."""
    entries = b""
    for chip in chips:
        header = 112 if chip == 120 else 64
        entry = struct.pack("<HHIQ", 2, 0x101, header, len(code)) + struct.pack("<IIHHI", len(code), 0, 8, 1, chip)
        entries += entry.ljust(header, b"\0") + code
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(entries)) + entries


def chips_of(data: bytes) -> list[list[int]]:
    return [[chip for *_, chip in entries] for _, entries in gpu_kit.containers_of(bytearray(data))]


def test_device_code_of_other_chips_is_left_out():
    looks_like_one = struct.pack("<IHHQ", 0xBA55ED50, 1, 16, 1 << 40)
    general, later, own = container(75, 80, 86, 90, 120), container(80, 90), container(90)
    data = bytearray(b"ELF" + general + b"text" + looks_like_one + b"text" + later + own + b"end")
    assert gpu_kit.leave_out_device_code(data, 90) == 64 + 64
    assert chips_of(data) == [[90], [75], [75]]
    # What is left of a container is one of that chip alone, where it was, and zeros.
    left = [code.ljust(len(whole), b"\0") for whole, code in
            ((general, container(90)), (later, container(75)), (own, container(75)))]
    assert data == b"ELF" + left[0] + b"text" + looks_like_one + b"text" + left[1] + left[2] + b"end"


def test_a_container_with_no_room_stays_as_it_is():
    data = bytearray(container(75, 90) + container(90, code=b"\x01" * 8))
    gpu_kit.leave_out_device_code(data, 90)
    assert chips_of(data) == [[90], [90]]


@pytest.mark.parametrize(("chip", "kept"), [(75, 75), (86, 86), (89, 86), (80, 80)])
def test_a_chip_keeps_the_newest_code_of_its_generation_that_it_can_run(chip, kept):
    data = bytearray(container(75, 80, 86, 90, 120))
    gpu_kit.leave_out_device_code(data, chip)
    assert chips_of(data) == [[kept]]


def test_a_library_without_code_for_the_chip_is_an_error():
    with pytest.raises(gpu_kit.KitError, match="no device code for compute capability 7.0"):
        gpu_kit.leave_out_device_code(bytearray(container(75, 80)), 70)
    with pytest.raises(gpu_kit.KitError, match="holds no device code that this script can read"):
        gpu_kit.leave_out_device_code(bytearray(b"ELF"), 90)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(name="sources")
def make_sources(tmp_path: Path) -> dict[str, Path]:
    """What ./dev fetches and builds, a few bytes each; the programs are the shell, which ldd can read."""
    deps, build = tmp_path / "deps", tmp_path / "release"
    capi = deps / "gpu/onnxruntime/capi"
    write(deps / "gpu/onnxruntime/__init__.py", b"# package")
    write(deps / "gpu/onnxruntime/transformers/large.py", b"# what nobody needs there")
    write(capi / "_pybind_state.py", b"# state")
    write(capi / "onnxruntime_pybind11_state.cpython-312-x86_64-linux-gnu.so", os.urandom(3000))
    write(capi / "libonnxruntime_providers_shared.so", b"shared")
    write(capi / "libonnxruntime_providers_cuda.so", b"ELF" + container(75, 90) + container(90))
    write(capi / "libonnxruntime.so.1.31.1", os.urandom(3000))
    write(deps / "backends/webgpu/libonnxruntime_providers_webgpu.so", b"webgpu")
    write(deps / "openvino/lib/libopenvino_c.so.2641", b"openvino")
    write(deps / "models/centerface.onnx", b"detector")
    write(deps / "models/fr_feature.onnx", b"embedder")
    write(deps / "photos/a.jpg", os.urandom(5000))
    write(deps / "photos/readme.txt", b"no photo")
    for name in ("mien", "model_as_run"):
        write(build / name, Path("/bin/sh").read_bytes()).chmod(0o755)
    return {"deps": deps, "build": build, "kit": tmp_path / "gpu-kit", "to": tmp_path / "there"}


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, check=False)


def pack(sources: dict[str, Path], *arguments: object) -> subprocess.CompletedProcess:
    return run("pack", "--deps", sources["deps"], "--build", sources["build"], "--out", sources["kit"], *arguments)


def unpack(sources: dict[str, Path]) -> subprocess.CompletedProcess:
    return run("unpack", sources["kit"], "--to", sources["to"])


def test_what_was_packed_is_unpacked(sources, tmp_path):
    more = [write(tmp_path / name, os.urandom(2000)) for name in ("small.onnx", "embed.onnx")]
    crowd = write(tmp_path / "faces/crowd.png", os.urandom(2000)).parent
    done = pack(sources, "--part-mb", "0.004", "--pair", f"small={more[0]},{more[1]}", "--photos", f"crowds={crowd}",
                "--photos", f"typical={sources['deps'] / 'photos'}")
    assert done.returncode == 0, done.stderr
    parts = sorted(sources["kit"].glob("part-*"))
    assert len(parts) > 3 and max(part.stat().st_size for part in parts) <= 4000
    assert [path.name for path in sources["kit"].iterdir() if path not in parts] == ["manifest.json"]
    assert unpack(sources).returncode == 0
    there, deps = sources["to"], sources["deps"]
    kit = json.loads((there / "kit.json").read_text())
    assert kit["pairs"] == {"default": {"detector": "models/centerface.onnx", "embedder": "models/fr_feature.onnx"},
                            "small": {"detector": "models/small.onnx", "embedder": "models/embed.onnx"}}
    assert kit["photos"] == ["crowds", "typical"] and kit["chip"] == 90
    assert (there / "photos/crowds/crowd.png").read_bytes() == (crowd / "crowd.png").read_bytes()
    assert not (there / "photos/typical/readme.txt").exists()
    assert os.access(there / "bin/mien", os.X_OK)
    runtime = "libonnxruntime.so.1.31.1"
    assert (there / "backends/cuda" / runtime).read_bytes() == (deps / "gpu/onnxruntime/capi" / runtime).read_bytes()
    places = ("backends/cuda", "python/onnxruntime/capi")
    providers = [there / place / "libonnxruntime_providers_cuda.so" for place in places]
    assert providers[0].samefile(providers[1])
    assert chips_of(providers[0].read_bytes()) == [[90], [75]]
    assert not (there / "python/onnxruntime/transformers").exists()
    assert not list(there.glob("lib/libc.so*")) and not list(there.glob("lib/ld-linux*"))


def test_the_libraries_of_the_compiler_stay_behind():
    theirs = ["libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "libpthread.so.0"]
    ours = ["libcrypto.so.3", "libjpeg.so.62", "libmd.so.0", "libcurl.so.4", "libz.so.1"]
    assert [name for name in theirs + ours if not gpu_kit.SYSTEM_LIBRARY.match(name)] == ours


def test_a_missing_part_is_named(sources):
    assert pack(sources, "--part-mb", "0.004").returncode == 0
    (sources["kit"] / "part-2").unlink()
    done = unpack(sources)
    assert done.returncode == 1 and not sources["to"].exists()
    assert done.stderr.startswith("gpu-kit: part-2 of ") and "bring it too" in done.stderr


def test_a_changed_part_is_refused(sources):
    assert pack(sources).returncode == 0
    part = sources["kit"] / "part-1"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    done = unpack(sources)
    assert done.returncode == 1 and "is not the part that was packed" in done.stderr and not sources["to"].exists()


def test_a_smaller_kit_leaves_no_old_part(sources):
    assert pack(sources, "--part-mb", "0.004").returncode == 0
    assert pack(sources).returncode == 0
    assert [part.name for part in sources["kit"].glob("part-*")] == ["part-1"]
    assert unpack(sources).returncode == 0


@pytest.mark.parametrize("missing", ["release/model_as_run", "deps/models/centerface.onnx",
                                     "deps/gpu/onnxruntime/capi/libonnxruntime_providers_cuda.so"])
def test_what_is_not_there_is_named(sources, tmp_path, missing):
    (tmp_path / missing).unlink()
    done = pack(sources)
    assert done.returncode == 1
    assert done.stderr.startswith(f"gpu-kit: {tmp_path / missing} is not here") and "./dev gpu-kit" in done.stderr
    assert not (sources["kit"] / "manifest.json").exists()


@pytest.mark.parametrize(("arguments", "told"), [
    (["--pair", "a=b.onnx"], "does not name two files"),
    (["--photos", "a=/nonexistent"], "is no folder"),
    (["--photos", "../up=/tmp"], "is not NAME=VALUE"),
])
def test_wrong_arguments(sources, arguments, told):
    done = pack(sources, *arguments)
    assert done.returncode == 2 and told in done.stderr


def test_unpacking_nothing(sources):
    done = unpack(sources)
    assert done.returncode == 1 and "make the kit with ./dev gpu-kit" in done.stderr
