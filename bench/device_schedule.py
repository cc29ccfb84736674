#!/usr/bin/env python3
"""Does a slow, planning, busy GPU cost a scan anything, and does it get all the work that it can do? Without a GPU.

    bench/device_schedule.py [--build build/dev] [--row N ...] [--json] [--turns 5] [--folder FOLDER]
                             [--photos FOLDER ...] [--det NAME|FILE ...]

Scans run on the test device (tests/device/test_device), which plans each shape anew as CUDA does and takes as long as
it is told. Prints a table of rows, each with what was measured, its bound, and whether it holds; --json prints the same
as JSON. Exit code 1 when one does not hold; rows of what is not built count as neither. Nothing here is a speed of
mien: the test device computes on the CPU. Where a row gives the scan two processors, the device takes the others of the
machine. Where there are none, rows about time and order run with a device that takes nothing of them: it gives the
answers that it gave to the same images in scans before, at the time at which it would have them. The few images that it
did not see have no faces; rows about faces let it compute. docs/gpu.md says what each row means. Needs a build with
tests, numpy and Pillow (Debian: python3-numpy, python3-pil), and a machine that does nothing else.

With --photos, row 5 compares the faces of real photos too, with each detector of --det: those of the CPU alone with
those of the device, which is required then.

Set A: 1,000 photos of the 37 sizes of a typical collection, and tiny models. Where nothing else is said a plan takes
250 ms, a call of the device 1 ms, and the process starts cold.
"""

import argparse
import dataclasses
import itertools
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

try:
    import schedule_photos
    from schedule_faces import compare
    from schedule_run import Run, images_a_run, longest_gap
except ModuleNotFoundError as missing:
    if missing.name not in ("numpy", "PIL"):
        raise
    print(f"{sys.executable} has no {missing.name}: install the Debian packages python3-numpy and python3-pil, and run "
          f"/usr/bin/python3 {sys.argv[0]}", file=sys.stderr)
    sys.exit(2)

ROOT = pathlib.Path(__file__).resolve().parents[1]
PHOTOS = 1000
PLAN_MS = 250
SLOW_US = 1000
TIME_LIMIT_S = 300
WINDOW = 64  # images that may be in flight
WINDOW_BYTES = 512e6
CANVAS_BYTES = 640 * 640 * 3
DEVICE_WORK_BYTES = 3 * 16 * CANVAS_BYTES * 4  # of the test device: three tensors of a batch in 32 bits
REAL_LIMIT_S = 3600  # for real models on a device that is none
DETECTORS = ("centerface", ROOT / ".deps/test-models/scrfd_2.5g_static640.onnx")
MEGABYTE = 1e6
CPU = "--gpu=off"
# What users of the two operations with models switch on. With ALL_GPU the pixels go up for quality too.
FLAGS = {"FACE_DETECTION_GPU": "true", "FACE_EMBEDDING_GPU": "true"}
ALL_FLAGS = {"ALL_GPU": "true"}
REQUIRED = {"FACE_DETECTION_GPU": "require", "FACE_EMBEDDING_GPU": "require", "MIEN_GPU_TIME_LIMIT": "600"}
# Settings, plan_ms and threads of the scans that a device's answers are taken from.
RECORDINGS = ((REQUIRED, 0, 2), (REQUIRED, PLAN_MS, 2), (FLAGS, PLAN_MS, 2), (REQUIRED, 600, 2),
              (REQUIRED, PLAN_MS, 16), (REQUIRED, 100, 4), (FLAGS, 100, 16), (REQUIRED, 20, 2))
# Rows that tests of mien_tests prove: what is shown, and their names as gtest's filter takes them.
TESTS = {
    5: ("rectangles of a masked batch equal each alone", "Mask*:WebGpuSlow.*Mixed*"),
    12: ("faults, require, random faults from many threads, bad input",
         "*Faults*.*:DeviceLost*:GpuTest.*Random*:RandomBatches.*:BadInputOfADevice.*"),
    14: ("webgpu: a second size opens no session", "WebGpu.*Size*"),
}
# Thirty-two threads that share the photos of a folder. Prints how many of them the device detected. Without closer
# looks, as in row 3: runs of tiles look like those of canvases.
PYTHON_SCAN = """
import concurrent.futures, json, pathlib, sys, mien
engine = mien.Engine(detector=sys.argv[2], embedder=sys.argv[3])
def analyze(path):
    placements = {place.operation: place.ran for place in engine.analyze(path.read_bytes(), detail="off").placement}
    return {"placement": {name: {"ran": ran} for name, ran in placements.items()}}
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    for record in pool.map(analyze, sorted(pathlib.Path(sys.argv[1]).iterdir())):
        print(json.dumps(record))
"""


@dataclasses.dataclass
class Measure:
    row: int
    what: str
    measured: str
    bound: str
    is_ok: bool | None  # None: there is nothing to measure
    note: str = ""


def two_cpus():
    return set(sorted(os.sched_getaffinity(0))[:2])


def orders(**values):
    return {"plan_ms": PLAN_MS, "slow_us": SLOW_US} | values


def read_json_lines(path):
    """The objects in a file that may hold other lines too."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.startswith("{")]


class ScanFailed(Exception):
    pass


class Bench:
    def __init__(self, build, folder, turns, photos=(), detectors=()):
        self.build = build
        self.photos = photos
        self.detectors = detectors
        self.folder = folder
        self.turns = turns
        self.mien = build / "mien"
        self.runs = {}
        self.tiny = folder / "tiny"
        for program in (self.mien, build / "write_tiny_models", build / "tests" / "libmien_test_device.so"):
            if not program.exists():
                raise SystemExit(f"{program} is not there: build it first (./dev test), or name another --build")
        self.tiny.mkdir(parents=True, exist_ok=True)
        subprocess.run([build / "write_tiny_models", self.tiny], check=True)

    def models(self):
        return ["--det", str(self.tiny / "detector.onnx"), "--rec", str(self.tiny / "embedder.onnx")]

    def set_a(self, count=PHOTOS):
        return schedule_photos.make_set(self.folder / f"a{count}", count, schedule_photos.SIZES)

    def run(self, command, variables, cpus=None, limit_s=TIME_LIMIT_S):
        """Runs a program that writes records to standard output, as a new user without settings of their own."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            work = pathlib.Path(name)
            variables = {
                "PATH": os.environ["PATH"],
                "HOME": name,
                "LANG": "C.UTF-8",
                "LOG_LEVEL": "DEBUG",
                "MIEN_TEST_DEVICE_COUNTERS": str(work / "counters.json"),
                "MIEN_TEST_DEVICE_TRACE": str(work / "trace.jsonl"),
            } | variables
            with (work / "records").open("wb") as records, (work / "log").open("wb") as log:
                begin = time.monotonic()
                process = subprocess.Popen(
                    [str(part) for part in command], stdout=records, stderr=log, stdin=subprocess.DEVNULL,
                    env=variables, cwd=work, preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
                )
                limit = threading.Timer(limit_s, process.kill)
                limit.start()
                _, status, usage = os.wait4(process.pid, 0)
                end = time.monotonic()
                process.returncode = os.waitstatus_to_exitcode(status)
                limit.cancel()
            counters = work / "counters.json"
            return Run(
                wall_s=end - begin,
                exit_code=process.returncode,
                end_ms=end * 1000,
                resident_bytes=usage.ru_maxrss * 1024,
                records=read_json_lines(work / "records"),
                counters=json.loads(counters.read_text()) if counters.exists() else {},
                trace=read_json_lines(work / "trace.jsonl"),
                log=(work / "log").read_text(errors="replace"),
            )

    def answers(self):
        """What the device answers to the images of set A, in scans that nobody measures. Which canvas an image has is
        up to what else is there: it takes several scans to see nearly all that can come."""
        path = self.folder / "answers"
        if not path.exists():
            part = path.with_suffix(".part")
            part.unlink(missing_ok=True)
            for flags, plan_ms, threads in RECORDINGS:
                self.scan(self.set_a(), flags | {"MIEN_TEST_DEVICE_RECORD": str(part)}, values={"plan_ms": plan_ms},
                          threads=threads)
            part.rename(path)
        return path

    def device(self, values, cpus=None, replays=False):
        """Its settings. Where the scan has processors of its own, the device has the others of the machine. Where there
        are none, one that `replays` takes nothing of the scan's: it gives answers that it gave before."""
        others = sorted(os.sched_getaffinity(0) - (cpus or os.sched_getaffinity(0)))
        own = {"MIEN_TEST_DEVICE_CPUS": ",".join(map(str, others))} if others else {}
        if replays and not others:
            own = {"MIEN_TEST_DEVICE_REPLAY": str(self.answers())}
        return own | {
            "MIEN_TEST_DEVICE": str(self.build / "tests" / "libmien_test_device.so"),
            "MIEN_TEST_DEVICE_COMPILES_SLOWLY": "1",
            "MIEN_TEST_DEVICE_FAULTS": ",".join(f"{name}={value}" for name, value in values.items()),
        }

    def scan(self, photos, gpu, *, threads=2, values=None, cpus=None, models=None, command="scan", more=(),
             kill_after_s=None, shares_cpus=False, limit_s=TIME_LIMIT_S, replays=False):
        """Runs mien scan, or another command, with embeddings. `gpu`: its option, or settings. A device that `replays`
        finds no faces in images that it has not seen."""
        arguments = [self.mien, command, photos]
        arguments += ["--threads", threads, "--embeddings", "base64"] if command == "scan" else []
        arguments += self.models() if models is None else models
        arguments += [gpu] if isinstance(gpu, str) else []
        arguments += more
        variables = {} if gpu == CPU else self.device(values or orders(), None if shares_cpus else cpus, replays)
        variables |= {} if isinstance(gpu, str) else gpu
        done = self.run(arguments, variables, cpus, kill_after_s or limit_s)
        is_counted = photos.is_dir() and not more
        expected = len(list(photos.iterdir())) if is_counted else len(done.records)
        if kill_after_s is None and (done.exit_code != 0 or len(done.records) != expected):
            note(f"{' '.join(map(str, arguments))}\n{done.log[-2000:]}")
            raise ScanFailed(f"exit code {done.exit_code}, {len(done.records)} records of {expected}")
        return done

    def scan_a(self, threads, cpus=None):
        """Set A, cold, once; the rows share the run. 0 threads: two, and the CPU alone."""
        key = (threads, cpus is None)
        if key not in self.runs:
            gpu = FLAGS if threads else CPU
            self.runs[key] = self.scan(self.set_a(), gpu, threads=threads or 2, cpus=cpus, replays=True)
        return self.runs[key]

    def in_turns(self, cpu, gpu):
        """The medians of both scans' times and of the ratios of pairs, one after the other."""
        pairs = []
        for _ in range(self.turns):
            pairs.append((cpu().wall_s, gpu().wall_s))
        return (
            statistics.median(pair[0] for pair in pairs),
            statistics.median(pair[1] for pair in pairs),
            statistics.median(pair[1] / pair[0] for pair in pairs),
        )


def note(text):
    print(text, file=sys.stderr, flush=True)


def at_least(row, what, value, bound, unit="", remark=""):
    return Measure(row, what, f"{value:.4g}{unit}", f">= {bound:g}{unit}", value >= bound, remark)


def at_most(row, what, value, bound, unit="", remark=""):
    return Measure(row, what, f"{value:.4g}{unit}", f"<= {bound:g}{unit}", value <= bound, remark)


def unknown(row, what, bound, why):
    return Measure(row, what, "-", bound, False, why)


# ---- Rows


def row_1(bench):
    cpus = two_cpus()
    first = bench.scan_a(2, cpus)
    measures = []
    for name in ("detection", "embedding"):
        operation = f"face_{name}"
        places = first.ran(operation)
        remark = f"mixed {places.count('mixed')}, cpu {places.count('cpu')}, none {places.count('')}"
        what = f"A, two CPUs: {name} on the device, of 1,000"
        measures.append(at_least(1, what, first.on_device_of_1000(operation), 900, remark=remark))
    for threads, done in ((2, first), (16, bench.scan_a(16))):
        for name in ("detection", "embedding"):
            share = done.share_after_first(f"face_{name}")
            measures.append(at_least(1, f"A, {threads} threads: {name} there, behind the first", share * 100, 95, " %"))
    photos = bench.set_a()
    cpu_s, gpu_s, ratio = bench.in_turns(
        lambda: bench.scan(photos, CPU, cpus=cpus),
        lambda: bench.scan(photos, FLAGS, cpus=cpus, replays=True),
    )
    beside = "takes nothing of them" if os.sched_getaffinity(0) == cpus else "has others"
    faces = [sum(len(record["faces"]) for record in done.records) for done in (first, bench.scan_a(0, cpus))]
    remark = (f"{gpu_s:.2f} s, the CPU alone {cpu_s:.2f} s; the device {beside}; {faces[0]} faces, the CPU alone "
              f"{faces[1]}")
    measures.append(at_most(1, "A, two CPUs: time against the CPU alone", ratio, 1.05, remark=remark))
    return measures


def row_2(bench):
    counters = bench.scan_a(2, two_cpus()).counters
    remark = f"{counters.get('plans', 0)} plans"
    return [
        at_most(2, "A: shapes that were planned", counters.get("planned_shapes", 0), 6, remark=remark),
        at_most(2, "A: sessions that were opened", counters.get("sessions_opened", 0), 20),
    ]


def row_3(bench):
    # Runs of tiles look like those of canvases: without closer looks there are none.
    done = bench.scan(bench.set_a(), FLAGS | {"MIEN_DETAIL": "off"}, cpus=two_cpus(), replays=True)
    images, filled, remark = images_a_run(done)
    said = done.schedule()
    if said:
        remark += f"; mien says {said.get('images')} images, {said.get('runs')} runs, {said.get('filled_up')} filled"
    return [
        at_least(3, "A: images a run of a canvas", images, 14, remark=remark),
        at_most(3, "A: slots filled with black", filled * 100 if images else 100.0, 10, " %"),
    ]


def row_4(bench):
    done = bench.scan_a(2, two_cpus())
    images = done.on_device("face_detection")
    up = done.counters.get("up_bytes", 0)
    per_photo = up / (images or PHOTOS) / MEGABYTE
    remark = f"{up / MEGABYTE:.0f} MB for {images} photos"
    measures = [at_most(4, "A: up for each photo of the device", per_photo, 1.3, " MB", remark)]
    # No plan is ready before the end: the weights and the pictures of the proof go up, and no photo may.
    up_of = {}
    for count in (PHOTOS // 10, PHOTOS):
        photos = bench.set_a(count)
        late = bench.scan(photos, FLAGS, values=orders(plan_ms=60000), cpus=two_cpus(), replays=True)
        up_of[count] = (late.counters.get("up_bytes", 0), late.on_device("face_detection"))
    few, many = up_of[PHOTOS // 10], up_of[PHOTOS]
    per_photo = (many[0] - few[0]) / (PHOTOS - PHOTOS // 10) / MEGABYTE
    remark = f"the device did {many[1]} of {PHOTOS} while it planned for 60 s"
    measures.append(at_most(4, "A: up for each photo of the CPU", per_photo, 0.001, " MB", remark))
    return measures


def row_6(bench):
    measures = []
    photos = bench.set_a()
    for name, gpu in (("--gpu", "--gpu"), ("flags", FLAGS)):
        cpu_s, gpu_s, ratio = bench.in_turns(
            lambda: bench.scan(photos, CPU, cpus=two_cpus()),
            lambda: bench.scan(photos, gpu, cpus=two_cpus(),
                               values=orders(item_us=1_000_000), replays=True),
        )
        remark = f"{gpu_s:.2f} s, the CPU alone {cpu_s:.2f} s"
        measures.append(at_most(6, f"A, {name}, a device of 1 s an image: time", ratio, 1.05, remark=remark))
    faces = schedule_photos.find_faces(bench.mien, ROOT / ".deps" / "photos")
    real = schedule_photos.make_set(bench.folder / "b", 200, schedule_photos.SIZES, faces)
    # With --gpu so few photos are the CPU's alone.
    for name, gpu in (("flags", FLAGS), ("ALL_GPU", ALL_FLAGS)):
        cpu_s, gpu_s, ratio = bench.in_turns(
            lambda: bench.scan(real, CPU, models=[], cpus=two_cpus()),
            lambda: bench.scan(real, gpu, models=[], cpus=two_cpus(), shares_cpus=True),
        )
        remark = f"{gpu_s:.2f} s, the CPU alone {cpu_s:.2f} s"
        measures.append(at_most(6, f"200 photos, real models, {name}: time", ratio, 1.4, remark=remark))
    return measures


def row_7(bench):
    what, bound = "A, 16 threads: longest gap while a plan takes 5 s", 50
    slow = orders(slow_plan_ms=5000, slow_plan_height=480, slow_plan_width=640)
    done = bench.scan(bench.set_a(), FLAGS, threads=16, values=slow, replays=True)
    gap, remark = longest_gap(done, 480, 640)
    if gap is None:
        return [unknown(7, what, f"<= {bound} ms", remark)]
    return [at_most(7, what, gap, bound, " ms", remark)]


def row_8(bench):
    photo = sorted(bench.set_a().iterdir())[0]
    measures = []
    # With --gpu nothing is planned for one photo, with the flags it is.
    ways = (("--gpu", "--gpu"), ("flags", FLAGS))
    for command, (name, gpu) in itertools.product(("scan", "faces"), ways):
        late = []
        for _ in range(bench.turns):
            alone = bench.scan(photo, CPU, cpus=two_cpus(), command=command)
            planned = bench.scan(photo, gpu, cpus=two_cpus(), command=command,
                                 values=orders(plan_ms=10000))
            late.append(planned.wall_s - alone.wall_s)
        what = f"mien {command} of one photo, {name}, plans of 10 s: ends later by"
        measures.append(at_most(8, what, statistics.median(late), 0.2, " s"))
    return measures


def row_9(bench):
    what = "A: the device idle while somebody has work"
    measures = []
    for threads, cpus in ((2, two_cpus()), (16, None)):
        done = bench.scan_a(threads, cpus)
        idle = done.schedule().get("idle_with_work_ms")
        if idle is None:
            measures.append(unknown(9, f"{what}, {threads} threads", "<= 5 %", "mien does not say it"))
            continue
        share = idle / 10 / done.wall_s
        measures.append(at_most(9, f"{what}, {threads} threads", share, 5, " %", f"{idle:.0f} ms"))
    return measures


def most_in_flight(sizes):
    """The most bytes that 64 photos in a row have, or the bound in bytes if that is less."""
    pixels = [width * height * 3 for width, height in sizes]
    windows = (sum(pixels[first : first + WINDOW]) for first in range(max(1, len(pixels) - WINDOW + 1)))
    return min(max(windows), WINDOW_BYTES)


def row_10(bench):
    measures = []
    large = schedule_photos.make_large_set(bench.folder / "large", 80)
    for name, photos in (("A", bench.set_a()), ("80 photos of 12 MP", large)):
        alone = bench.scan(photos, CPU, threads=16)
        done = bench.scan(photos, FLAGS, threads=16, values=orders(arena=0), replays=photos == bench.set_a())
        bound = most_in_flight(schedule_photos.sizes_of(photos)) + WINDOW * CANVAS_BYTES
        # The device's memory is this computer's, and so is what it computes with.
        there = done.counters.get("peak_bytes", 0) + DEVICE_WORK_BYTES
        more = done.resident_bytes - there - alone.resident_bytes
        remark = "{:.0f} MB, {:.0f} of them the device's; the CPU alone {:.0f} MB".format(
            *(number / MEGABYTE for number in (done.resident_bytes, there, alone.resident_bytes)))
        what = f"{name}, 16 threads: memory beyond the CPU's"
        measures.append(at_most(10, what, more / MEGABYTE, bound / MEGABYTE, " MB", remark))
    return measures


def row_13(bench):
    what = "A, analyze() from 32 threads: images a run"
    if not (bench.build / "python" / "mien").exists():
        return [unknown(13, what, ">= 10", "no Python package in this build")]
    variables = FLAGS | bench.device(orders(), replays=True) | {"PYTHONPATH": str(bench.build / "python")}
    command = [sys.executable, "-c", PYTHON_SCAN, bench.set_a(), bench.tiny / "detector.onnx"]
    done = bench.run([*command, bench.tiny / "embedder.onnx"], variables)
    if done.exit_code != 0:
        return [unknown(13, what, ">= 10", done.log[-300:])]
    images, _, remark = images_a_run(done)
    return [at_least(13, what, images, 10, remark=f"{done.on_device('face_detection')} photos there, {remark}")]


def row_of_tests(bench, row):
    what, names = TESTS[row]
    program = bench.build / "mien_tests"
    if not program.exists():
        return [unknown(row, what, "pass", f"{program} is not there")]
    for name in names.split(":"):
        listing = [program, "--gtest_list_tests", f"--gtest_filter={name}"]
        listed = subprocess.run(listing, capture_output=True, text=True, check=False)
        if "\n  " not in listed.stdout:
            return [unknown(row, what, "pass", f"no such test: {name}")]
    done = subprocess.run([program, f"--gtest_filter={names}"], capture_output=True, text=True, check=False)
    count = {
        word: int((re.search(rf"\[  {word} +\] (\d+) test", done.stdout) or [0, "0"])[1])
        for word in ("PASSED", "SKIPPED", "FAILED")
    }
    text = ", ".join(f"{number} {word.lower()}" for word, number in count.items() if number)
    return [Measure(row, what, text, "pass", done.returncode == 0 and count["PASSED"] > 0, names)]


def row_5(bench):
    done = bench.scan(bench.set_a(), FLAGS, cpus=two_cpus())
    differing, remark = compare(bench.scan_a(0, two_cpus()), done)
    measures = [
        *row_of_tests(bench, 5),
        at_most(5, "A: photos whose faces are not the CPU's", differing, 0, remark=remark),
    ]
    more = ["--fail-on", "none"]
    for photos, detector in itertools.product(bench.photos, bench.detectors):
        models = ["--det", detector]
        what = f"{photos.name}, {pathlib.Path(detector).stem}: photos whose faces are not the CPU's"
        try:
            alone = bench.scan(photos, CPU, models=models, more=more, limit_s=REAL_LIMIT_S)
            done = bench.scan(photos, REQUIRED, models=models, more=more, limit_s=REAL_LIMIT_S, values={"plan_ms": 0})
        except ScanFailed as error:
            measures.append(unknown(5, what, "<= 0", str(error)))
            continue
        differing, remark = compare(alone, done)
        faces = sum(len(record["faces"]) for record in alone.records)
        there = done.on_device("face_detection")
        remark = f"{len(done.records)} photos, {there} on the device, {faces} faces; {remark}"
        measures.append(at_most(5, what, differing + abs(len(done.records) - len(alone.records)), 0, remark=remark))
    return measures


def row_11(_bench):
    why = "not built: decided on hardware, in step 2 of bench/on_a_gpu.py"
    return [Measure(11, "a second tier of plans that is slower is thrown away", "-", "-", None, why)]


def row_12(bench):
    photos, cpus = bench.set_a(), two_cpus()
    alone = bench.scan_a(0, cpus)
    measures = row_of_tests(bench, 12)
    required = bench.scan(photos, "--gpu=require", cpus=cpus)
    there = required.on_device("face_detection")
    measures.append(at_least(12, "A, require: detection on the device, of 1,000", there, PHOTOS))
    faults = orders(random_fault_permille=50, random_seed=1)
    differing, remark = compare(alone, bench.scan(photos, FLAGS, cpus=cpus, values=faults))
    what = "A, a call in 20 fails: photos whose faces are not the CPU's"
    measures.append(at_most(12, what, differing, 0, remark=remark))
    out = bench.folder / "killed.jsonl"
    out.unlink(missing_ok=True)
    more = ["--out", out, "--resume"]
    kills = 4
    for number in range(kills):
        out.touch()
        bench.scan(photos, FLAGS, cpus=cpus, more=more, kill_after_s=1 + number / 2)
    bench.scan(photos, FLAGS, cpus=cpus, more=more)
    sources = [record["source"] for record in read_json_lines(out)]
    wrong = PHOTOS - len(set(sources)) + len(sources) - len(set(sources))
    measures.append(at_most(12, f"A, killed {kills} times and resumed: photos lost or twice", wrong, 0))
    out.unlink()
    return measures


ROWS = {
    1: row_1, 2: row_2, 3: row_3, 4: row_4, 5: row_5, 6: row_6, 7: row_7, 8: row_8, 9: row_9, 10: row_10, 11: row_11,
    12: row_12, 13: row_13, 14: lambda bench: row_of_tests(bench, 14),
}


def table_line(measure):
    verdict = {True: "ok", False: "FAILED", None: "not applicable"}[measure.is_ok]
    remark = f" ({measure.note})" if measure.note else ""
    return f"| {measure.row} | {measure.what} | {measure.measured} | {measure.bound} | {verdict}{remark} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "dev", help="a build with tests")
    parser.add_argument("--row", type=int, action="append", choices=sorted(ROWS), help="only this row; may be repeated")
    parser.add_argument("--turns", type=int, default=5, help="pairs of scans where times are compared")
    parser.add_argument("--folder", type=pathlib.Path, help="where the photos are kept (600 MB)")
    parser.add_argument("--photos", type=pathlib.Path, action="append", default=[],
                        help="row 5: a folder of photos; may be repeated")
    parser.add_argument("--det", action="append", help="row 5: a detector for them; may be repeated")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    build = options.build.resolve()
    detectors = options.det or [detector for detector in DETECTORS if isinstance(detector, str) or detector.exists()]
    bench = Bench(build, (options.folder or build / "device_schedule").resolve(), options.turns,
                  [photos.resolve() for photos in options.photos], detectors)
    if not options.json:
        print("| row | what | measured | bound | |\n|---|---|---|---|---|", flush=True)
    measures = []
    for row in options.row or sorted(ROWS):
        try:
            found = ROWS[row](bench)
        except ScanFailed as error:
            found = [unknown(row, "a scan", "exit code 0, a record a photo", str(error))]
        measures += found
        if not options.json:
            print("\n".join(map(table_line, found)), flush=True)
    if options.json:
        print(json.dumps([dataclasses.asdict(measure) for measure in measures], indent=1))
    sys.exit(1 if any(measure.is_ok is False for measure in measures) else 0)


if __name__ == "__main__":
    main()
