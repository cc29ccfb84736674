#!/usr/bin/env python3
"""What a bare machine with a GPU and no network lacks, in parts that travel with a checkout. ./dev gpu-kit calls it.

    bench/gpu_kit.py pack [--deps .deps] [--build build/release] [--out gpu-kit] [--chip 90] [--part-mb 55]
                          [--photos NAME=FOLDER]... [--pair NAME=DETECTOR.onnx,EMBEDDER.onnx]...
    bench/gpu_kit.py unpack [gpu-kit] [--to build/gpu-kit]

pack writes one compressed archive, cut into parts, and manifest.json with the sha256 of each part and of each file. On
the other side unpack joins them, compares all of it, and says what is missing. In the archive:
  bin, lib     mien of BUILD, bench/model_as_run, and the shared libraries that they need, besides those of the compiler
  backends     the providers for CUDA and WebGPU with their ONNX Runtime, as MIEN_BACKEND_DIR has them
  openvino     what else computes on the CPU, so that a GPU is compared with the best that this machine can do without
  python       the Python package of the same ONNX Runtime
  models       the default models and those of --pair
  photos       a folder for each --photos; without any, "typical" holds the sample photos
  kit.json     which models go together, which photos there are
CUDA's own libraries (cuBLAS, cuDNN, cuFFT, NVRTC) are not in it: PyTorch brings them. --chip is the compute capability
of the GPU times ten (90: H100, H200): device code of other chips is left out of the provider, and so are the kernels
of language models. A provider that was packed for one chip finds no kernel on another.
"""

import argparse
import hashlib
import io
import json
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = "libonnxruntime.so.1.31.1"
PROVIDER = "libonnxruntime_providers_cuda.so"
SHARED = "libonnxruntime_providers_shared.so"
# Those of the C and C++ compilers: the other machine's may be newer, and its drivers need its own.
SYSTEM_LIBRARY = re.compile(r"^(linux-vdso|ld-linux|lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s)\.so)")

# NVIDIA's container of device code: magic, version, size of this header, bytes that follow. Then entries, each with a
# header and its code. (GrigoryEvko/nvopen-tools, fatbin/FORMAT_SPECIFICATION.md.)
FATBIN = struct.Struct("<IHHQ")
FATBIN_MAGIC = 0xBA55ED50
FATBIN_START = struct.pack("<IHH", FATBIN_MAGIC, 1, FATBIN.size)
ENTRY = struct.Struct("<HHIQ")  # kind, -, size of this header, bytes of code
FATBIN_SIZE = 8  # offset of the last one in that header
ENTRY_CHIP = 28  # offset of the compute capability times ten in an entry's header


FILTERS = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 8}]


class KitError(Exception):
    """One line for the person at the terminal: what is wrong, and what to do."""


# --- device code ----------------------------------------------------------------------------------------------------


def entries_of(data: bytearray, start: int) -> list[tuple[int, int, int]]:
    """(offset, bytes, chip) of each entry of the container at `start`; none where it only looks like one."""
    _, _, header, size = FATBIN.unpack_from(data, start)
    at, end = start + header, start + header + size
    found = []
    while at < end:
        if at + 64 > len(data):
            return []
        _, _, entry_header, code = ENTRY.unpack_from(data, at)
        chip, = struct.unpack_from("<I", data, at + ENTRY_CHIP)
        found.append((at, entry_header + code, chip))
        at += entry_header + code
    return found if at == end <= len(data) else []


def containers_of(data: bytearray) -> Iterator[tuple[int, list[tuple[int, int, int]]]]:
    """(offset, entries) of each container."""
    start = data.find(FATBIN_START)
    while start >= 0:
        entries = entries_of(data, start)
        if entries:
            yield start, entries
        start = data.find(FATBIN_START, entries[-1][0] + entries[-1][1] if entries else start + 4)


def leave_out_device_code(data: bytearray, chip: int) -> int:
    """Leaves the code that a GPU of this compute capability (times ten) runs, and zeros behind it in each container, so
    that nothing moves and little is left to compress. Returns the bytes of code that stay.

    A GPU runs code of its own generation (80 to 89, say) up to its own number. Kernels for everything are there for the
    oldest chip of the library too. Containers without that one hold kernels of language models, which faces do not
    need: they get the smallest code of the oldest chip, for a container without code is none."""
    containers = list(containers_of(data))
    if not containers:
        raise KitError("the provider's library holds no device code that this script can read: it was built otherwise")
    everything = [entry for _, entries in containers for entry in entries]
    oldest = min(chip_of for *_, chip_of in everything)
    at, size = min((entry[:2] for entry in everything if entry[2] == oldest), key=lambda entry: entry[1])
    smallest = bytes(data[at:at + size])
    kept = 0
    for start, entries in containers:
        by_chip = {chip_of: (at, size) for at, size, chip_of in entries}
        runnable = [number for number in by_chip if number // 10 == chip // 10 and number <= chip]
        stays = smallest
        if runnable and oldest in by_chip:
            at, size = by_chip[max(runnable)]
            stays = bytes(data[at:at + size])
            kept += size
        begin, end = start + FATBIN.size, entries[-1][0] + entries[-1][1]
        if len(stays) <= end - begin:
            data[begin:end] = stays.ljust(end - begin, b"\0")
            struct.pack_into("<Q", data, start + FATBIN_SIZE, len(stays))
    if kept == 0:
        raise KitError(f"the provider's library has no device code for compute capability {chip / 10}")
    return kept


# --- packing --------------------------------------------------------------------------------------------------------


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Parts(io.RawIOBase):
    """A file that goes on in the next one when it is full."""

    def __init__(self, folder: Path, bytes_max: int):
        self.folder, self.bytes_max = folder, bytes_max
        self.paths: list[Path] = []
        self.stream: io.BufferedWriter | None = None
        self.left = 0

    def writable(self) -> bool:
        return True

    def write(self, block) -> int:
        block = memoryview(block)
        written = len(block)
        while block:
            if self.left == 0:
                self.next_part()
            part = block[:self.left]
            self.stream.write(part)
            self.left -= len(part)
            block = block[len(part):]
        return written

    def next_part(self) -> None:
        if self.stream is not None:
            self.stream.close()
        self.paths.append(self.folder / f"part-{len(self.paths) + 1}")
        self.stream = self.paths[-1].open("wb")
        self.left = self.bytes_max

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()
        super().close()


def copy(source: Path, target: Path) -> Path:
    if not source.is_file():
        raise KitError(f"{source} is not here: run ./dev gpu-kit, which fetches and builds it")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    return target


def needed_libraries(program: Path) -> list[Path]:
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        raise KitError(f"ldd cannot read {program}: {listed.stderr.strip()}")
    paths = re.findall(r"=> (/\S+)", listed.stdout)
    return [Path(path) for path in paths if not SYSTEM_LIBRARY.match(Path(path).name)]


def stage_programs(build: Path, stage: Path) -> None:
    for name in ("mien", "model_as_run"):
        program = copy(build / name, stage / "bin" / name)
        for library in needed_libraries(program):
            copy(library, stage / "lib" / library.name)


def stage_runtime(deps: Path, stage: Path, chip: int) -> None:
    """The provider once, under two names: mien looks for it in backends, the Python package in its own folder."""
    package, target = deps / "gpu/onnxruntime", stage / "python/onnxruntime"
    patterns = ("*.py", "capi/*.py", "capi/onnxruntime_pybind11_state*.so", "LICENSE", "ThirdPartyNotices.txt")
    found = [path for pattern in patterns for path in sorted(package.glob(pattern))]
    for path in [*found, package / "capi" / SHARED, package / "capi" / PROVIDER]:
        copy(path, target / path.relative_to(package))
    provider = target / "capi" / PROVIDER
    data = bytearray(provider.read_bytes())
    kept = leave_out_device_code(data, chip)
    provider.write_bytes(data)
    print(f"{PROVIDER}: {len(data) / 1e6:.0f} MB, of which {kept / 1e6:.1f} are device code for {chip / 10}")
    cuda = stage / "backends/cuda"
    copy(package / "capi" / RUNTIME, cuda / RUNTIME)
    for name in (PROVIDER, SHARED):
        os.link(target / "capi" / name, cuda / name)
    webgpu = "backends/webgpu/libonnxruntime_providers_webgpu.so"
    copy(deps / webgpu, stage / webgpu)
    for library in sorted((deps / "openvino/lib").glob("lib*")):
        copy(library, stage / "openvino" / library.name)


def stage_models(pairs: dict[str, list[Path]], stage: Path) -> dict[str, dict[str, str]]:
    """{pair: {"detector": path, "embedder": path}}, below `stage`."""
    described: dict[str, dict[str, str]] = {}
    for pair, files in pairs.items():
        described[pair] = {}
        for role, path in zip(("detector", "embedder"), files):
            copy(path, stage / "models" / path.name)
            described[pair][role] = f"models/{path.name}"
    return described


def stage_photos(folders: dict[str, Path], stage: Path) -> list[str]:
    for name, folder in folders.items():
        photos = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
        if not photos:
            raise KitError(f"{folder} holds no .jpg and no .png")
        for photo in photos:
            copy(photo, stage / "photos" / name / photo.name)
    return sorted(folders)


def commit_of(root: Path) -> str:
    told = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True,
                          check=False)
    return told.stdout.strip()


def write_parts(stage: Path, out: Path, bytes_max: int) -> dict[str, object]:
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("part-*"):
        old.unlink()
    parts = Parts(out, bytes_max)
    # The runtime is there twice, for C and for Python: side by side, the second finds most of itself in the first.
    order = sorted(stage.rglob("*"), key=lambda path: ("pybind11" not in path.name, path.name != RUNTIME, path))
    with lzma.open(parts, "wb", filters=FILTERS) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        for path in order:
            archive.add(path, arcname=path.relative_to(stage), recursive=False)
    parts.close()
    files = {path.relative_to(stage).as_posix(): sha256_of(path) for path in sorted(stage.rglob("*")) if path.is_file()}
    listed = [{"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in parts.paths]
    return {"parts": listed, "files": files}


def pack(options: argparse.Namespace) -> None:
    deps, build = options.deps, options.build
    pairs = {"default": [deps / "models/centerface.onnx", deps / "models/fr_feature.onnx"], **dict(options.pair)}
    photos = dict(options.photos) or {"typical": deps / "photos"}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "manifest.json").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out) as folder:
        stage = Path(folder)
        stage_programs(build, stage)
        stage_runtime(deps, stage, options.chip)
        kit = {"chip": options.chip, "commit": commit_of(ROOT), "mien": "bin/mien",
               "pairs": stage_models(pairs, stage), "photos": stage_photos(photos, stage)}
        (stage / "kit.json").write_text(json.dumps(kit, indent=1) + "\n")
        print("compressing, which takes minutes", flush=True)
        manifest = write_parts(stage, options.out, int(options.part_mb * 1e6))
    (options.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    for part in manifest["parts"]:
        print(f"{options.out / part['name']}: {part['bytes'] / 1e6:.1f} MB")


# --- unpacking ------------------------------------------------------------------------------------------------------


class Joined(io.RawIOBase):
    """Several files, read as one."""

    def __init__(self, paths: list[Path]):
        self.waiting = list(paths)
        self.stream: io.BufferedReader | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, block) -> int:
        while True:
            if self.stream is None:
                if not self.waiting:
                    return 0
                self.stream = self.waiting.pop(0).open("rb")
            if count := self.stream.readinto(block):
                return count
            self.stream.close()
            self.stream = None


def check_parts(folder: Path, parts: list[dict[str, object]]) -> list[Path]:
    paths = [folder / str(part["name"]) for part in parts]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        names = ", ".join(missing)
        raise KitError(f"{names} of {len(paths)} parts is not in {folder}: bring it too, then unpack again")
    for path, part in zip(paths, parts):
        if sha256_of(path) != part["sha256"]:
            raise KitError(f"{path} is not the part that was packed (its sha256 differs): bring it again")
    return paths


def unpack(options: argparse.Namespace) -> None:
    try:
        manifest = json.loads((options.folder / "manifest.json").read_text())
    except FileNotFoundError:
        raise KitError(f"{options.folder} holds no manifest.json: make the kit with ./dev gpu-kit") from None
    paths = check_parts(options.folder, manifest["parts"])
    shutil.rmtree(options.to, ignore_errors=True)
    options.to.mkdir(parents=True)
    with lzma.open(io.BufferedReader(Joined(paths))) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # without it newer Pythons warn
        archive.extractall(options.to)
    for name, sha256 in manifest["files"].items():
        if sha256_of(options.to / name) != sha256:
            raise KitError(f"{options.to / name} is not the file that was packed: is the disk full?")
    print(f"{len(manifest['files'])} files are in {options.to}")


def named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[\w.-]+", name):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def named_folder(text: str) -> tuple[str, Path]:
    name, value = named(text)
    if not Path(value).is_dir():
        raise argparse.ArgumentTypeError(f"{value} is no folder")
    return name, Path(value)


def named_pair(text: str) -> tuple[str, list[Path]]:
    name, value = named(text)
    paths = [Path(path) for path in value.split(",")]
    if len(paths) != 2 or not all(path.is_file() for path in paths):
        raise argparse.ArgumentTypeError(f"{text!r} does not name two files: NAME=DETECTOR.onnx,EMBEDDER.onnx")
    return name, paths


def read_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("--deps", type=Path, default=ROOT / ".deps")
    packing.add_argument("--build", type=Path, default=ROOT / "build/release")
    packing.add_argument("--out", type=Path, default=ROOT / "gpu-kit")
    packing.add_argument("--chip", type=int, default=90, help="compute capability times ten")
    packing.add_argument("--part-mb", type=float, default=55, help="10^6 bytes of a part at most")
    packing.add_argument("--photos", type=named_folder, action="append", default=[], metavar="NAME=FOLDER")
    packing.add_argument("--pair", type=named_pair, action="append", default=[], metavar="NAME=DETECTOR,EMBEDDER")
    unpacking = commands.add_parser("unpack")
    unpacking.add_argument("folder", type=Path, nargs="?", default=ROOT / "gpu-kit")
    unpacking.add_argument("--to", type=Path, default=ROOT / "build/gpu-kit")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = read_options(arguments)
    try:
        (pack if options.command == "pack" else unpack)(options)
    except KitError as error:
        print(f"gpu-kit: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
