"""The results of bench/on_a_gpu.py as Markdown."""

import json
import statistics
from pathlib import Path
from typing import Callable, Iterable

from gpu.common import Facts

SETTLED_S = 5  # from here on a scan with the GPU should never be slower than the CPU alone


def read_results(path: Path) -> list[Facts]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def table(columns: list[str], rows: Iterable[list[object]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |")
    return "\n".join(lines) if len(lines) > 2 else ""


def of(results: list[Facts], what: str) -> list[Facts]:
    return [result for result in results if result["what"] == what]


def option_text(options: Facts | None) -> str:
    if not options:
        return ""
    words = [str(options.get("cudnn_conv_algo_search", "")).lower()]
    words += [name for name, key in (("tf32", "use_tf32"), ("NHWC", "prefer_nhwc")) if options.get(key) == "1"]
    return " ".join(words)


def show_plans(results: list[Facts]) -> str:
    rows = []
    for result in of(results, "plan"):
        options = option_text(result.get("options")) + (" fused" if result.get("fused") else "")
        begin = [result["model"], result["batch"], result.get("backend") or options]
        if "error" in result:
            rows.append([*begin, result["error"], "", "", ""])
            continue
        rows.append([*begin, f"{result['open_s']:.2f} + {result['first_s']:.2f}", f"{result['warm_ms']:.2f}",
                     f"{result['warm_ms'] / result['batch']:.3f}", f"{result['relative']:.1e}"])
    return table(["model", "batch", "options", "opening + first run, s", "warm, ms", "ms an image",
                  "largest difference, relative"], rows)


def show_together(results: list[Facts]) -> str:
    rows = [[option_text(result["options"]), result["count"], result.get("wall_s", result.get("error")),
             ", ".join(str(seconds) for seconds in result.get("seconds", []))] for result in of(results, "together")]
    return table(["options", "plans at once", "wall, s", "each, s"], rows)


def show_profiles(results: list[Facts]) -> str:
    rows = []
    kernels = {(result["model"], option_text(result["options"])): result for result in of(results, "kernels")}
    for result in of(results, "profile"):
        traced = kernels.get((result["model"], option_text(result["options"])), {})
        if "error" in result:
            rows.append([result["model"], option_text(result["options"]), result["error"], "", "", "", ""])
            continue
        busy = traced.get("busy_ms")
        rows.append([result["model"], option_text(result["options"]), result["run_ms"], busy, traced.get("idle_ms"),
                     result["mb"], f"{result['mb'] / busy:.0f}" if busy else traced.get("error")])
    return table(["model", "options", "run, ms", "device busy, ms", "idle between kernels, ms", "MB moved by nodes",
                  "GB/s while busy"], rows)


def show_operators(results: list[Facts]) -> str:
    rows = [[result["model"], option_text(result["options"]), row["operator"], row["nodes"], row["host_ms"], row["mb"]]
            for result in of(results, "profile") if "operators" in result for row in result["operators"][:6]]
    return table(["model", "options", "operator", "nodes", "host ms", "MB"], rows)


def gains(results: list[Facts]) -> dict[tuple[object, ...], list[float]]:
    """Photos a second with the GPU beside those of the CPU alone in the same turn, of each set and models."""
    rates: dict[tuple[object, ...], dict[str, float]] = {}
    for result in of(results, "scan"):
        if result["exit_code"] == 0:
            key = (result["photos_of"], result["wanted"], result["models"], result["turn"])
            rates.setdefault(key, {})[result["way"]] = result["photos_per_s"]
    found: dict[tuple[object, ...], list[float]] = {}
    for key, ways in rates.items():
        if {"gpu", "cpu"} <= ways.keys():
            found.setdefault(key[:3], []).append(ways["gpu"] / ways["cpu"])
    return found


def slowest_second(result: Facts) -> int | None:
    """Photos of the slowest second after the first five, the last one, which is not whole, left out."""
    settled = result["each_second"][SETTLED_S:-1]
    return min(settled) if settled else None


def seconds_of_first(result: Facts, count: int) -> int | None:
    """In which second the photo of this number was done."""
    done = 0
    for second, photos in enumerate(result["each_second"], 1):
        done += photos
        if done >= count:
            return second
    return None


def show_scans(results: list[Facts]) -> str:
    rows = []
    for result in of(results, "scan"):
        places = result.get("places", {}).get("face_detection", {})
        where = ", ".join(f"{name} {count}" for name, count in sorted(places.items()))
        rows.append([result["photos_of"], result["wanted"], result["models"], result["way"], result["turn"],
                     result["photos"], result["seconds"], result["photos_per_s"], seconds_of_first(result, 2_000),
                     slowest_second(result), where, "" if result["exit_code"] == 0 else f"exit {result['exit_code']}"])
    scans = table(["photos", "of them", "models", "way", "turn", "done", "s", "photos/s", "2,000 done in second",
                   "slowest second after 5 s", "face_detection ran on", ""], rows)
    ratios = table(["photos", "of them", "models", "GPU beside CPU alone, median"],
                   [[*key, f"{statistics.median(values):.2f}"] for key, values in gains(results).items()])
    return "\n\n".join(filter(None, [scans, ratios]))


def show_agreement(results: list[Facts]) -> str:
    rows = []
    for result in of(results, "agreement"):
        if "box" not in result:
            rows.append([result["models"], result["search"], f"{result['way']}: exit {result['exit_code']}", *[""] * 6])
            continue
        rows.append([result["models"], result["search"], result["images"], result["faces"],
                     result["images_that_differ"], f"{result['box']:.2g}", f"{result['landmark']:.2g}",
                     f"{result['score']:.2g}", f"{result['least_cosine']:.7f}"])
    return table(["models", "search", "images", "faces", "images with another number of faces", "box, pixels",
                  "landmark, pixels", "score", "least cosine"], rows)


def show_ceilings(results: list[Facts]) -> str:
    return table(["GPU_MEMORY_LIMIT_GB", "MB taken at most, the driver's among them", "exit code"],
                 [[result["limit_gb"], result["taken_mb"], result["exit_code"]] for result in of(results, "ceiling")])


def show_transfers(results: list[Facts]) -> str:
    rows = [[result["bytes"], "pinned" if result["pinned"] else "pageable", result.get("ms", result.get("error")),
             result.get("gb_per_s")] for result in of(results, "transfer")]
    return table(["bytes", "memory", "ms", "GB/s"], rows)


def show_jpegs(results: list[Facts]) -> str:
    rows = []
    for result in of(results, "jpegs"):
        colours, luminance = result.get("rgb", {}), result.get("y", {})
        rows.append([result["photos_of"], result.get("engines"), result.get("photos_per_s", result.get("error")),
                     colours.get("largest"), colours.get("differing"), luminance.get("largest"),
                     luminance.get("differing")])
    return table(["photos", "engines", "photos/s", "R, G, B: largest difference", "share that differs",
                  "Y: largest difference", "share that differs"], rows)


def show_rest(results: list[Facts]) -> str:
    lines = []
    for result in results:
        if result["what"] in ("doctor", "devices", "large models"):
            lines += [f"{result['what']} (exit code {result['exit_code']}):", "```", *result["output"], "```"]
        elif result["what"] == "stopped":
            lines.append(f"Step {result['step']} stopped: {result['reason']}.")
    return "\n".join(lines)


PARTS: tuple[tuple[str, Callable[[list[Facts]], str]], ...] = (
    ("Plans", show_plans), ("Plans at once", show_together), ("Profile", show_profiles), ("Operators", show_operators),
    ("Scans", show_scans), ("Agreement", show_agreement), ("Memory", show_ceilings), ("Copies", show_transfers),
    ("JPEG", show_jpegs), ("Also", show_rest))


def markdown(results: list[Facts]) -> str:
    if not results:
        return "no results"
    devices = sorted({f"{result['device']}, {result['provider']}, {str(result['time'])[:10]}" for result in results})
    text = [f"Measured on {'; '.join(devices)}; mien {results[0].get('commit') or 'of an unknown commit'}."]
    for title, show in PARTS:
        if part := show(results):
            text.append(f"### {title}\n\n{part}")
    return "\n\n".join(text)
