"""Checks what ./dev demo promises, from the JSON lines that mien scan wrote: demo_facts.py FILE.jsonl"""

import json
import sys
from pathlib import PurePath
from typing import Callable

Record = dict


def faces(record: Record) -> int:
    return len(record["faces"])


def is_matched(record: Record) -> bool:
    return bool(record.get("matches"))


def describe(record: Record | None) -> str:
    if record is None:
        return "is missing"
    if record["error"] is not None:
        return record["error"]["message"]
    found = "1 face" if faces(record) == 1 else f"{faces(record)} faces"
    if is_matched(record):
        found += f", match {max(match['similarity'] for match in record['matches']):.2f}"
    return found


# File, what must hold, and how to say so. The sample photos and their licences are in docs/dependencies.md.
FACTS: list[tuple[str, Callable[[Record], bool], str]] = [
    ("solvay_conference_1927.jpg", lambda record: 28 <= faces(record) <= 30, "29 faces, give or take one"),
    ("astronaut.png", lambda record: faces(record) >= 1, "a face"),
    ("chelsea.png", lambda record: faces(record) == 0, "no face in a cat"),
    ("coffee.png", lambda record: faces(record) == 0, "no face in a cup"),
    ("obama2.jpg", is_matched, "the person of obama.jpg"),
    ("obama3.jpg", is_matched, "the person of obama.jpg"),
    ("biden.jpg", lambda record: faces(record) >= 1 and not is_matched(record), "somebody else"),
]


def main(path: str) -> int:
    with open(path, encoding="utf-8") as lines:
        records = {PurePath(record["source"]).name: record for record in map(json.loads, lines)}
    promises = {name: (holds, promise) for name, holds, promise in FACTS}
    failures = 0
    for name in sorted({*records, *promises}):
        record = records.get(name)
        holds, promise = promises.get(name, (lambda _: True, ""))
        is_analysed = record is not None and record["error"] is None
        is_good = is_analysed and holds(record)
        failures += not is_good
        mark = "FAIL" if not is_good else "ok" if promise else ""
        print(f"  {name:<28} {describe(record):<19} {mark:<4} {promise}".rstrip())
    if failures:
        print(f"dev: {failures} of {len(FACTS)} promises of the demo do not hold: please report it with {path}",
              file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
