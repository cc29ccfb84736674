"""What a trace of a run comes to: ONNX Runtime's own profile by operator, and the device's kernels by name."""

from collections import defaultdict
from typing import Any

Facts = dict[str, Any]


def summarise_profile(events: list[Facts]) -> Facts:
    """Of the last run: each operator's nodes, ms on the host, and MB that its nodes read and write."""
    runs = [event for event in events if event.get("name") == "model_run"]
    last = max(runs, key=lambda event: event["ts"])
    rows: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0])
    for event in events:
        inside = last["ts"] <= event.get("ts", -1) <= last["ts"] + last["dur"]
        if not (inside and event.get("cat") == "Node" and event["name"].endswith("_kernel_time")):
            continue
        told = event.get("args", {})
        row = rows[told.get("op_name", "?")]
        row[0] += 1
        row[1] += event["dur"] / 1000
        row[2] += sum(int(told.get(name, 0)) for name in ("activation_size", "parameter_size", "output_size")) / 1e6
    operators = [{"operator": name, "nodes": row[0], "host_ms": round(row[1], 3), "mb": round(row[2], 1)}
                 for name, row in sorted(rows.items(), key=lambda item: -item[1][2])]
    return {"run_ms": round(last["dur"] / 1000, 3), "mb": round(sum(row["mb"] for row in operators), 1),
            "operators": operators}


def summarise_spans(spans: list[tuple[float, float, str]]) -> Facts:
    """Of (start, end, name) in microseconds."""
    by_name: dict[str, list[float]] = defaultdict(lambda: [0, 0])
    busy, reached = 0.0, min(start for start, _, _ in spans)
    first = reached
    for start, stop, name in sorted(spans):
        by_name[name][0] += 1
        by_name[name][1] += (stop - start) / 1000
        busy += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    kernels = [{"kernel": name[:120], "launches": int(row[0]), "ms": round(row[1], 4)}
               for name, row in sorted(by_name.items(), key=lambda item: -item[1][1])]
    idle = reached - first - busy
    return {"launches": len(spans), "busy_ms": round(busy / 1000, 3), "idle_ms": round(idle / 1000, 3),
            "kernels": kernels[:20]}
