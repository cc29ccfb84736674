"""Steps 1 to 4 of bench/on_a_gpu.py: what the device's copies, plans and kernels cost, without mien."""

import itertools
from pathlib import Path
from typing import Iterator

from gpu.common import Bench, Facts, Worker, run

SEARCHES = ("DEFAULT", "HEURISTIC", "EXHAUSTIVE")
CASE_LIMIT_S = 20  # of a session's opening and runs; a case that takes longer is left
REFERENCE_LIMIT_S = 60
SIDE = 640
ALIGNED_SIDE = 112


def look_at_device(bench: Bench) -> None:
    """What mien says of the machine, and how fast bytes go up."""
    if bench.provider in ("cuda", "webgpu"):
        doctor = run(bench.mien("doctor", "--gpu", "--backend", bench.provider), min(60, bench.left),
                     bench.environment())
        bench.write("doctor", **doctor.facts(lines=40))
    devices = run(bench.mien("devices"), min(30, bench.left), bench.environment())
    bench.write("devices", **devices.facts(lines=20))
    with Worker(bench) as worker:
        for size in (1_200_000, 20_000_000):
            for pinned in (False, True):
                answer = worker.ask(30, do="transfers", bytes=size, pinned=pinned)
                bench.write("transfer", bytes=size, pinned=pinned, **answer)


def cuda_options(search: str, tf32: bool, nhwc: bool) -> dict[str, str]:
    return {"cudnn_conv_algo_search": search, "use_tf32": str(int(tf32)), "prefer_nhwc": str(int(nhwc))}


def shapes_of(bench: Bench) -> list[tuple[str, Path, int, int]]:
    """(kind, model, batch, side), the most telling first: a full batch of each model, then the other batches."""
    detectors: list[tuple[str, Path]] = []
    embedders: list[tuple[str, Path]] = []
    for pair in dict.fromkeys([bench.main_pair, "default", *bench.described["pairs"]]):
        if pair not in bench.described["pairs"]:
            continue
        for kind in ("masked", "plain"):
            model = bench.form(pair, kind)
            if model is not None and (kind, model) not in detectors:
                detectors.append((kind, model))
        aligned = bench.form(pair, "aligned")
        if aligned is not None and ("embedder", aligned) not in embedders:
            embedders.append(("embedder", aligned))
    full = [(kind, model, 16, SIDE) for kind, model in detectors if kind == "masked"]
    full += [(kind, model, 32, ALIGNED_SIDE) for kind, model in embedders]
    full += [(kind, model, 16, SIDE) for kind, model in detectors if kind == "plain"]
    others = [(kind, model, batch, SIDE) for batch in (1, 32) for kind, model in detectors]
    others += [(kind, model, 64, ALIGNED_SIDE) for kind, model in embedders]
    return full + others


def cases_of(bench: Bench) -> Iterator[Facts]:
    options = [cuda_options(search, tf32, nhwc)
               for nhwc, tf32, search in itertools.product((False, True), (False, True), SEARCHES)]
    # What mien may use comes first for every shape; most mixtures of rare options wait.
    plain = [option for option in options if option["use_tf32"] == option["prefer_nhwc"] == "0"]
    mixed = [option for option in options if option not in plain]
    shapes = shapes_of(bench)
    full = [shape for shape in shapes if shape[2] == 16 or shape[2:] == (32, ALIGNED_SIDE)]
    rest = [shape for shape in shapes if shape not in full]
    order = [(full, plain, False), (full[:1], mixed, False), (full, plain, True), (rest, plain, False),
             (full[1:], mixed, False), (rest, mixed, False)]
    for chosen, settings, fused in order:
        for (kind, model, batch, side), setting in itertools.product(chosen, settings):
            yield {"kind": kind, "model": str(model), "batch": batch, "side": side, "options": setting, "fused": fused}


def measure_plans(bench: Bench) -> None:
    """Seconds to plan and ms a warm run, of each model, batch and option."""
    broken: set[tuple[str, int]] = set()
    with Worker(bench) as worker:
        for case in cases_of(bench):
            if bench.left <= 0:
                bench.write("stopped", reason="the step's time is over: the cases above are the most telling")
                return
            case = {**case, "batch": max(1, round(case["batch"] * min(1.0, bench.scale)))}
            shape = (case["model"], case["batch"])
            if shape in broken:
                continue
            answer = worker.ask(REFERENCE_LIMIT_S, do="reference", **case)
            if "error" in answer:  # the CPU's: the options of another provider do not help
                broken.add(shape)
            else:
                answer = worker.ask(CASE_LIMIT_S, do="plan", provider=bench.provider, **case)
            bench.write("plan", **{**case, "model": Path(case["model"]).name}, **answer)


def plan_at_once(bench: Bench) -> None:
    """Whether plans go on side by side. Each number has a process of its own, that finds nothing prepared."""
    model = bench.form(bench.main_pair, "masked") or bench.form(bench.main_pair, "plain")
    if model is None:
        bench.write("stopped", reason="the kit holds no model as mien runs it")
        return
    for search, count in itertools.product(("DEFAULT", "HEURISTIC"), (1, 2, 4, 8)):
        with Worker(bench) as worker:
            batch = max(1, round(16 * min(1.0, bench.scale)))
            case = {"model": str(model), "batch": batch, "side": SIDE, "options": cuda_options(search, False, False)}
            answer = worker.ask(60, do="together", provider=bench.provider, count=count, **case)
            bench.write("together", **{**case, "model": model.name}, count=count, **answer)


def profile_runs(bench: Bench) -> None:
    """Where the time of a warm run goes."""
    batch = max(1, round(16 * min(1.0, bench.scale)))
    wanted = [(bench.form(bench.main_pair, "masked"), batch, SIDE), (bench.form(bench.main_pair, "plain"), batch, SIDE),
              (bench.form(bench.main_pair, "aligned"), 2 * batch, ALIGNED_SIDE)]
    with Worker(bench) as worker:
        for model, items, side in wanted:
            if model is None:
                continue
            for search in ("DEFAULT", "HEURISTIC"):
                options = cuda_options(search, False, False)
                case = {"model": str(model), "batch": items, "side": side, "options": options}
                told = {**case, "model": model.name}
                bench.write("profile", **told, **worker.ask(60, do="profile", provider=bench.provider, **case))
                bench.write("kernels", **told, **worker.ask(60, do="kernels", provider=bench.provider, **case))
