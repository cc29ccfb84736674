"""What a process did that bench/device_schedule.py ran: its records, and the trace and counters of the test device."""

import dataclasses
import json
import re

SIDE_MIN = 256  # canvases with a shorter side are those of the second look, or faces


@dataclasses.dataclass
class Run:
    """What a process did."""

    wall_s: float
    exit_code: int
    end_ms: float
    resident_bytes: int
    records: list
    counters: dict
    trace: list
    log: str

    def ran(self, operation):
        """Where each photo's operation ran: the backend's name, cpu or mixed; "" for a photo without it."""
        return [record["placement"].get(operation, {}).get("ran", "") for record in self.records]

    def on_device(self, operation):
        return self.ran(operation).count("test")

    def on_device_of_1000(self, operation):
        """Of 1,000 photos that have the operation: a device that replays finds faces in fewer."""
        places = [place for place in self.ran(operation) if place]
        return 1000 * places.count("test") / max(1, len(places))

    def share_after_first(self, operation):
        """Of the photos behind the first that the device did: how many it did."""
        places = [place for place in self.ran(operation) if place]
        if "test" not in places:
            return 0.0
        behind = places[places.index("test") + 1 :]
        return behind.count("test") / max(1, len(behind))

    def schedule(self):
        """What mien says about its schedule when it ends; {} where it says nothing."""
        found = re.findall(r"device schedule: (\{.*\})", self.log)
        return json.loads(found[-1]) if found else {}

    def canvas_runs(self):
        """Runs of the detector on whole photos; not those that planned, which prove the session."""
        return [
            line
            for line in self.trace
            if line["what"] == "run" and not line["planned"] and min(line["height"], line["width"]) >= SIDE_MIN
        ]


def images_a_run(done):
    """Photos that the device detected for each run of a canvas, and the share of slots that were filled up."""
    runs = done.canvas_runs()
    slots = sum(line["images"] for line in runs)
    images = done.on_device("face_detection")
    return images / max(1, len(runs)), max(0.0, 1 - images / max(1, slots)), f"{len(runs)} runs, {slots} slots"


def longest_gap(done, height, width):
    """The longest time between two runs of 640x640 while another canvas is planned slowly, in ms."""
    plans = [line for line in done.trace if line["what"] == "plan"]
    slow = [line["at_ms"] for line in plans if (line["height"], line["width"]) == (height, width)]
    if not slow:
        return None, "that canvas was never planned"
    begin = slow[0]
    # The last photos of a scan do not fill a batch.
    end = min(begin + 5000, done.end_ms - 500)
    runs = [line for line in done.canvas_runs() if (line["height"], line["width"]) == (640, 640)]
    spans = [(line["at_ms"], line["at_ms"] + line["ms"]) for line in runs if begin <= line["at_ms"] <= end]
    edges = [begin, *(edge for span in spans for edge in span), end]
    gaps = [max(0.0, after - before) for before, after in zip(edges[::2], edges[1::2])]
    return max(gaps), f"{len(spans)} runs in {end - begin:.0f} ms"
