#!/usr/bin/env python3
"""All that is to be measured where a GPU is at hand, in steps, with the figures for docs/benchmarks.md.

    bench/on_a_gpu.py [--step N]... [--kit build/gpu-kit] [--provider cuda] [--output on_a_gpu.jsonl]
                      [--search default|heuristic|exhaustive]
    bench/on_a_gpu.py --show FILE

It needs no network: models, photos, mien and the providers come from the kit (bench/gpu_kit.py; docs/gpu.md says how
it is made and brought). Each result is appended to OUTPUT as it comes, one line of JSON with date and device, so that
nothing is lost when the time is over. --show prints the results as Markdown.

  1  (1 minute)   mien doctor, and GB/s of copies to the device, pageable and pinned
  2  (8)          which plans: seconds and ms of each model, batch and option of the provider, off by how much
  3  (2)          whether 1, 2, 4 and 8 plans go on side by side
  4  (2)          where the time of a warm run goes, by operator and by kernel
  5  (5)          whole scans from cold with the GPU, in turns with the CPU alone
  6  (2)          agreement with the CPU, and memory below its ceilings
  7  (3)          the same chip by WebGPU
  8  (2)          nvJPEG

Without --step they run in the order 2, 5, 3, 6, 1, 4, 7, 8 while 18 minutes are not over. Each step ends at its own
limit; a driver that hangs ends a process of the step alone. --search is the search mode of mien's scans.
--provider cpu goes through the same steps on the CPU, and test on MIEN_TEST_DEVICE: that tries the script, and what it
then measures says nothing. --scale makes batches and numbers of photos smaller for that.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

from gpu import scans, sessions, show
from gpu.common import GPU_OPTIONS, ROOT, Bench

TOTAL_S = 18 * 60
ORDER = (2, 5, 3, 6, 1, 4, 7, 8)
STEPS: dict[int, tuple[int, Callable[[Bench], None]]] = {
    1: (60, sessions.look_at_device),
    2: (480, sessions.measure_plans),
    3: (120, sessions.plan_at_once),
    4: (120, sessions.profile_runs),
    5: (300, scans.measure_scans),
    6: (120, scans.measure_results),
    7: (180, scans.try_webgpu),
    8: (120, scans.try_jpegs),
}


def read_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, action="append", choices=sorted(STEPS))
    parser.add_argument("--kit", type=Path, default=ROOT / "build/gpu-kit")
    parser.add_argument("--provider", choices=sorted(GPU_OPTIONS), default="cuda")
    parser.add_argument("--output", type=Path, default=Path("on_a_gpu.jsonl"))
    parser.add_argument("--search", choices=("default", "heuristic", "exhaustive"), default="")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "mien-on-a-gpu",
                        help="folder for copies of photos; kept for the next step")
    parser.add_argument("--scale", type=float, default=1, help="share of the photos and batches")
    parser.add_argument("--show", type=Path, metavar="FILE")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = read_options(arguments)
    if options.show is not None:
        print(show.markdown(show.read_results(options.show)))
        return 0
    if not (options.kit / "kit.json").is_file():
        print(f"on_a_gpu: {options.kit} holds no kit: unpack it with bench/gpu_kit.py unpack", file=sys.stderr)
        return 2
    bench = Bench(options.kit, options.provider, options.output, options.scratch, scale=options.scale,
                  search=options.search)
    ends = time.monotonic() + TOTAL_S
    for number in options.step or ORDER:
        limit_s, step = STEPS[number]
        bench.step = number
        bench.deadline = min(time.monotonic() + limit_s, ends)
        if bench.left <= 0:
            bench.write("stopped", reason="the time of all steps is over")
            break
        print(f"== step {number}: {limit_s // 60} min at most: {step.__doc__.splitlines()[0]}", flush=True)
        step(bench)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
