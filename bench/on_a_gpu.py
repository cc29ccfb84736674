#!/usr/bin/env python3
"""All that is to be tried where a GPU is at hand, in one go, with the figures for docs/benchmarks.md.

    bench/on_a_gpu.py --backend cuda --images PHOTOS [--mien build/release/mien] [--tests build/dev/mien_tests]
                      [--output bench.json]

Steps, each with a time limit of its own, so that a driver that hangs ends one of them alone:
  devices, doctor   what is there
  conformance       the tests of the device graphs and of a whole scan (--tests; MIEN_TEST_BACKEND)
  agreement         the faces of PHOTOS by the CPU and by the GPU
  ceilings          the most memory that mien takes with GPU_MEMORY_LIMIT_GB (NVIDIA alone, by nvidia-smi)
  bench             mien bench: each operation once everything is compiled; all rows, and the JSON in --output
"""

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

Record = dict[str, object]


def run(name: str, command: list[str], limit_s: float, lines: int = 12, **variables: str) -> bool:
    print(f"== {name}", flush=True)
    started = time.monotonic()
    try:
        done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True,
                              timeout=limit_s, check=False)
        output, status = (done.stdout + done.stderr).rstrip(), str(done.returncode)
    except subprocess.TimeoutExpired as late:
        parts = (part or b"" for part in (late.stdout, late.stderr))  # bytes, whatever was asked for
        output = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts).decode(errors="replace")
        status = f"over {limit_s:.0f} s"
    print("\n".join(output.splitlines()[-lines:]))
    print(f"-- {name}: exit code {status}, {time.monotonic() - started:.1f} s", flush=True)
    return status == "0"


def read_records(path: Path) -> dict[str, Record]:
    records = (json.loads(line) for line in path.read_text().splitlines())
    return {str(record["source"]): record for record in records}


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def compare(cpu: dict[str, Record], gpu: dict[str, Record]) -> str:
    faces = differing = 0
    box, low = 0.0, 1.0
    for source, record in cpu.items():
        ours, theirs = record.get("faces", []), gpu.get(source, {}).get("faces", [])
        differing += len(ours) != len(theirs)
        for a, b in zip(ours, theirs):
            faces += 1
            box = max(box, *(abs(x - y) for x, y in zip(a["bbox"], b["bbox"])))
            if a.get("embedding") and b.get("embedding"):
                low = min(low, cosine(a["embedding"], b["embedding"]))
    return (f"{len(cpu)} images, {faces} faces, {differing} images with another number of faces; boxes off by at most "
            f"{box:.2g} pixels, least cosine {low:.7f}")


def agree(mien: list[str], images: str, backend: str, folder: Path) -> bool:
    scan = [*mien, "scan", images, "--embeddings", "json", "--force", "--quiet", "--out"]
    fine = run("agreement: cpu", [*scan, str(folder / "cpu.jsonl")], 300)
    gpu = ["--gpu=require", "--backend", backend]
    fine = run(f"agreement: {backend}", [*scan, str(folder / "gpu.jsonl"), *gpu], 300) and fine
    if fine:
        print(compare(read_records(folder / "cpu.jsonl"), read_records(folder / "gpu.jsonl")))
    return fine


def used_mb() -> int:
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.run(query, capture_output=True, text=True, check=True, timeout=10).stdout.splitlines()[0])


def measure_ceiling(limit_gb: str, command: list[str]) -> bool:
    try:
        before = used_mb()
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        print(f"-- ceiling: {limit_gb} GB: nvidia-smi does not say what is taken: {error}")
        return False
    peak = [before]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError, IndexError):
                peak[0] = max(peak[0], used_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    fine = run(f"ceiling: {limit_gb} GB", command, 120, lines=4, GPU_MEMORY_LIMIT_GB=limit_gb)
    over.set()
    watcher.join()
    print(f"with GPU_MEMORY_LIMIT_GB={limit_gb} {peak[0] - before} MB were taken at most, the driver's own among them")
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--mien", default="build/release/mien")
    parser.add_argument("--tests")
    parser.add_argument("--output", default="bench.json")
    options = parser.parse_args()
    mien = [options.mien]
    fine = run("devices", [*mien, "devices"], 60)
    fine = run("doctor", [*mien, "doctor", "--gpu", "--backend", options.backend], 120, lines=40) and fine
    if options.tests:
        tests = [options.tests, "--gtest_filter=*/Gpu:*/Gpu*:RealGpu*", "--gtest_brief=1"]
        fine = run("conformance", tests, 300, MIEN_TEST_BACKEND=options.backend) and fine
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fine = agree(mien, options.images, options.backend, folder) and fine
        if options.backend == "cuda":
            scan = [*mien, "scan", options.images, "--gpu=require", "--backend", "cuda", "--force", "--out",
                    str(folder / "ceiling.jsonl")]
            for limit_gb in ("0.5", "2", "8"):
                fine = measure_ceiling(limit_gb, scan) and fine
    bench = [*mien, "bench", "--backend", options.backend, "--images", options.images, "--output", options.output]
    fine = run("bench", bench, 600, lines=1000) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
