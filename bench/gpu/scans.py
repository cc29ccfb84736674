"""Steps 5 to 8 of bench/on_a_gpu.py: whole scans by mien, their agreement with the CPU, memory, WebGPU, JPEGs."""

import collections
import contextlib
import json
import math
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from gpu.common import GPU_OPTIONS, REQUIRE_OPTIONS, ROOT, Bench, Done, Facts, Worker, end, run

SCAN_LIMIT_S = 150
POLL_S = 0.1
# With --gpu alone a few hundred photos would be the CPU's.
MODEL_FLAGS = {"FACE_DETECTION_GPU": "true", "FACE_EMBEDDING_GPU": "true"}
LARGE_PAIR = "large"


@dataclass(frozen=True)
class Job:
    photos: str  # a folder of the kit
    count: int  # photos, copies of those with bytes of their own
    pair: str  # of models


def make_copies(photos: Path, folder: Path, count: int) -> Path:
    """`count` files with the pixels of those in `photos`. Decoders stop at the end of the picture; the number behind it
    makes each a content of its own, which mien cannot answer from an earlier one. Made once."""
    done = folder.with_suffix(".complete")
    if done.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    originals = [(path.suffix.lower(), path.read_bytes()) for path in sorted(photos.iterdir()) if path.is_file()]
    for number in range(count):
        suffix, data = originals[number % len(originals)]
        path = folder / f"{number // 1000:03}" / f"{number:06}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data + f"\ncopy {number}\n".encode())
    done.touch()
    return folder


def copies_for(bench: Bench, photos: str, count: int) -> Path:
    return make_copies(bench.kit / "photos" / photos, bench.scratch / f"{photos}-{count}", count)


def models_of(bench: Bench, pair: str) -> list[str]:
    return ["--det", str(bench.model(pair, "detector")), "--rec", str(bench.model(pair, "embedder"))]


def make_large_models(bench: Bench) -> None:
    """Models of the size of SCRFD-10GF and IResNet-50, with random weights: made here, for they are 190 MB."""
    folder = bench.scratch / "large-models"
    names = {"detector": folder / "random_scrfd_10g.onnx", "embedder": folder / "random_iresnet50.onnx"}
    if not all(path.exists() for path in names.values()):
        folder.mkdir(exist_ok=True)
        script = [sys.executable, str(ROOT / "tests/support/large_models.py"), str(folder)]
        made = run(script, min(60, bench.left), bench.python_environment())
        if not made.fine:
            bench.write("large models", **made.facts())
            return
    bench.described["pairs"][LARGE_PAIR] = {role: str(path) for role, path in names.items()}


def count_each_second(path: Path, process: subprocess.Popen, limit_s: float) -> tuple[list[int], float]:
    """How many lines the file grew by in each second since now, and the seconds until the process ended."""
    started = time.monotonic()
    seconds: list[int] = []
    stream = None
    while True:
        ended = process.poll() is not None
        passed = time.monotonic() - started
        if stream is None and path.exists():
            stream = path.open("rb")
        lines = stream.read().count(b"\n") if stream is not None else 0
        seconds += [0] * (int(passed) + 1 - len(seconds))
        seconds[-1] += lines
        if ended or passed > limit_s:
            break
        time.sleep(POLL_S)
    if stream is not None:
        stream.close()
    return seconds, passed


def count_places(records: Path) -> Facts:
    """Photos by where each operation ran, and why not where it was asked to."""
    places: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    reasons: collections.Counter[str] = collections.Counter()
    faces = 0
    for line in records.read_text().splitlines():
        record = json.loads(line)
        faces += len(record.get("faces", []))
        for operation, placement in record.get("placement", {}).items():
            places[operation][placement["ran"]] += 1
            if placement.get("reason"):
                reasons[f"{operation}: {placement['reason']}"[:160]] += 1
    return {"faces": faces, "places": {name: dict(counts) for name, counts in places.items()},
            "reasons": dict(reasons.most_common(4))}


def scan(bench: Bench, folder: Path, arguments: list[str], limit_s: float, **variables: str) -> Facts:
    """Facts of one scan from cold: seconds, photos a second, photos in each second, places."""
    records, messages = bench.scratch / "scan.jsonl", bench.scratch / "scan.log"
    records.unlink(missing_ok=True)
    command = bench.mien("scan", str(folder), "--embeddings", "base64", "--out", str(records), "--force", *arguments)
    with messages.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=bench.environment(**MODEL_FLAGS, **variables), start_new_session=True)
        try:
            each_second, seconds = count_each_second(records, process, limit_s)
            code = process.poll()
        finally:
            end(process)
    done = sum(each_second)
    facts = {"exit_code": code, "seconds": round(seconds, 2), "photos": done, "photos_per_s": round(done / seconds, 1),
             "each_second": each_second, "output": messages.read_text(errors="replace").splitlines()[-24:]}
    return {**facts, **count_places(records)} if code is not None and records.exists() else facts


def jobs_of(bench: Bench) -> list[Job]:
    """The scans of step 5 with what the kit has, the most telling first."""
    pairs, photos = bench.described["pairs"], bench.described["photos"]
    main = bench.main_pair
    typical = "typical" if "typical" in photos else photos[0]
    jobs = [Job(typical, 20_000, main)]
    jobs += [Job(typical, 2_000, pair) for pair in pairs if pair not in (main, LARGE_PAIR)]
    jobs += [Job(typical, 500, LARGE_PAIR)] if LARGE_PAIR in pairs else []
    counts = {"crowds": 200, "small": 2_000, "large": 200}
    jobs += [Job(name, counts.get(name, 1_000), main) for name in photos if name != typical]
    return [Job(job.photos, max(1, round(job.count * bench.scale)), job.pair) for job in jobs]


def measure_scans(bench: Bench) -> None:
    """Whole scans from cold with GPU and CPU together, in turns with the CPU alone, until the time is over."""
    make_large_models(bench)
    ways = (("gpu", GPU_OPTIONS[bench.provider]), ("cpu", ["--gpu=off"]))
    for turn in (1, 2):
        for job in jobs_of(bench):
            copies = copies_for(bench, job.photos, job.count)
            for way, options in ways:
                if bench.left <= 1:
                    bench.write("stopped", reason="the step's time is over")
                    return
                facts = scan(bench, copies, [*models_of(bench, job.pair), *options], min(SCAN_LIMIT_S, bench.left))
                told = {"photos_of": job.photos, "wanted": job.count, "models": job.pair, "way": way, "turn": turn}
                bench.write("scan", **told, **facts)


# --- agreement and memory -------------------------------------------------------------------------------------------


def read_records(path: Path) -> dict[str, Facts]:
    records = (json.loads(line) for line in path.read_text().splitlines())
    return {str(record["source"]): record for record in records}


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def compare(cpu: dict[str, Facts], gpu: dict[str, Facts]) -> Facts:
    """Largest differences of boxes, landmarks (pixels) and scores, least cosine, images with other numbers of faces."""
    faces = differing = 0
    box = landmark = score = 0.0
    low = 1.0
    for source, record in cpu.items():
        ours, theirs = record.get("faces", []), gpu.get(source, {}).get("faces", [])
        differing += len(ours) != len(theirs)
        for a, b in zip(ours, theirs):
            faces += 1
            box = max([box, *(abs(x - y) for x, y in zip(a["bbox"], b["bbox"]))])
            points = zip(a.get("landmarks") or [], b.get("landmarks") or [])
            landmark = max([landmark, *(abs(x - y) for p, q in points for x, y in zip(p, q))])
            score = max(score, abs(a["det_score"] - b["det_score"]))
            if a.get("embedding") and b.get("embedding"):
                low = min(low, cosine(a["embedding"], b["embedding"]))
    return {"images": len(cpu), "faces": faces, "images_that_differ": differing, "box": box, "landmark": landmark,
            "score": score, "least_cosine": low}


def measure_agreement(bench: Bench, pair: str, search: str) -> None:
    records = {way: bench.scratch / f"agreement-{way}.jsonl" for way in ("cpu", "gpu")}
    ways = {"cpu": ["--gpu=off"], "gpu": REQUIRE_OPTIONS[bench.provider]}
    for way, options in ways.items():
        records[way].unlink(missing_ok=True)
        command = bench.mien("scan", str(bench.kit / "photos"), "--embeddings", "json", "--force", "--quiet", "--out",
                             str(records[way]), *models_of(bench, pair), *options)
        done = run(command, min(120, bench.left), bench.environment(MIEN_CUDNN_SEARCH=search))
        if not done.fine:
            bench.write("agreement", models=pair, search=search, way=way, **done.facts())
            return
    bench.write("agreement", models=pair, search=search, **compare(*(read_records(records[way]) for way in ways)))


def used_mb() -> int:
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.run(query, capture_output=True, text=True, check=True, timeout=10).stdout.splitlines()[0])


def watch_memory(command: list[str], limit_s: float, environment: dict[str, str]) -> tuple[Done, int | None]:
    """The process, and how many MB of the device more than before were taken at most, the driver's own among them;
    None where nvidia-smi does not tell."""
    cannot = (OSError, subprocess.SubprocessError, ValueError, IndexError)
    try:
        before = used_mb()
    except cannot:
        return run(command, limit_s, environment), None
    peak = [before]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            with contextlib.suppress(*cannot):
                peak[0] = max(peak[0], used_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = run(command, limit_s, environment)
    over.set()
    watcher.join()
    return done, peak[0] - before


def measure_results(bench: Bench) -> None:
    """Faces, boxes and embeddings against the CPU's in each search mode, and memory below its ceilings."""
    for search in ("default", "heuristic"):
        for pair in dict.fromkeys((bench.main_pair, "default")):
            if pair in bench.described["pairs"]:
                measure_agreement(bench, pair, search)
    command = bench.mien("scan", str(bench.kit / "photos"), "--force", "--quiet", "--out",
                         str(bench.scratch / "ceiling.jsonl"), *models_of(bench, bench.main_pair),
                         *REQUIRE_OPTIONS[bench.provider])
    for limit_gb in ("0.5", "2", "8"):
        if bench.left <= 1:
            bench.write("stopped", reason="the step's time is over")
            return
        done, taken = watch_memory(command, min(60, bench.left), bench.environment(GPU_MEMORY_LIMIT_GB=limit_gb))
        bench.write("ceiling", limit_gb=float(limit_gb), taken_mb=taken, **done.facts(lines=4))


# --- other ways -----------------------------------------------------------------------------------------------------


def try_webgpu(bench: Bench) -> None:
    """The same chip by Vulkan: plans at a batch of 16, and a scan."""
    doctor = run(bench.mien("doctor", "--gpu", "--backend", "webgpu"), min(60, bench.left), bench.environment())
    bench.write("doctor", backend="webgpu", **doctor.facts(lines=30))
    if not doctor.fine:
        return
    batch = max(1, round(16 * min(1.0, bench.scale)))
    with Worker(bench) as worker:
        for kind in ("masked", "plain"):
            model = bench.form(bench.main_pair, kind)
            if model is None:
                continue
            case = {"model": str(model), "batch": batch, "side": 640}
            made = worker.ask(60, do="reference", **case)
            answer = made if "error" in made else worker.ask(60, do="plan", provider="webgpu", **case)
            bench.write("plan", kind=kind, backend="webgpu", **{**case, "model": model.name}, **answer)
    job = jobs_of(bench)[0]
    count = min(job.count, 2_000)
    copies = copies_for(bench, job.photos, count)
    facts = scan(bench, copies, [*models_of(bench, job.pair), *GPU_OPTIONS["webgpu"]], min(90, bench.left))
    bench.write("scan", photos_of=job.photos, wanted=count, models=job.pair, way="webgpu", turn=1, **facts)


def try_jpegs(bench: Bench) -> None:
    """NvJPEG's engines, photos a second, and how its pixels differ."""
    with Worker(bench) as worker:
        for name in bench.described["photos"]:
            photos = [str(path) for path in sorted((bench.kit / "photos" / name).glob("*.jp*g"))]
            if photos:
                bench.write("jpegs", photos_of=name, **worker.ask(60, do="jpegs", photos=photos[:16], count=64))
