"""Whether two scans of bench/device_schedule.py found the same faces."""

import base64
import sys

import numpy

PIXELS_OFF = 0.05  # of a photo: less than the numbers of a detector differ between two libraries for CPUs
COSINE_LEAST = 0.9999  # of an embedding with the CPU's


def cosine(face, other):
    """Of two faces' embeddings; 1 where neither has one, -1 where one has."""
    texts = [one.get("embedding") for one in (face, other)]
    if None in texts:
        return 1.0 if texts == [None, None] else -1.0
    a, b = (numpy.frombuffer(base64.b64decode(text), "<f4").astype(float) for text in texts)
    return float(a @ b / max(1e-30, numpy.linalg.norm(a) * numpy.linalg.norm(b)))


def compare(alone, done):
    """How many photos have other faces than the CPU found, and how far the others are off."""
    expected = {record["source"]: record for record in alone.records}
    differing, largest, least = 0, 0.0, 1.0
    for record in done.records:
        other = expected[record["source"]]
        pairs = list(zip(record["faces"], other["faces"]))
        off = max((abs(a - b) for ours, theirs in pairs for a, b in zip(ours["bbox"], theirs["bbox"])), default=0.0)
        near = min((cosine(ours, theirs) for ours, theirs in pairs), default=1.0)
        is_equal = (len(record["faces"]) == len(other["faces"]) and off <= PIXELS_OFF and near >= COSINE_LEAST
                    and record.get("error") == other.get("error"))
        differing += not is_equal
        if is_equal:
            largest, least = max(largest, off), min(least, near)
        else:
            print(f"{record['source']}: {len(record['faces'])} faces, the CPU's {len(other['faces'])}; boxes off by "
                  f"{off:.3g} pixels, cosine {near:.6f}", file=sys.stderr)
    return differing, f"boxes of the others off by {largest:.2g} pixels, cosine {least:.6f} at least"
