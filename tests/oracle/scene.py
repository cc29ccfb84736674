"""Pictures made of whole-number formulas, the same as in tests/ops/scene.h, and the writer of golden files."""

import json
import pathlib
import zlib

import numpy as np
from PIL import Image

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "ops"


def scramble(x, y, channel, seed):
    def u32(value):
        return np.asarray(value, np.uint64) & 0xFFFFFFFF

    h = u32(u32(x) * 73856093) ^ u32(u32(y) * 19349663) ^ u32(u32(channel) * 83492791) ^ u32(u32(seed) * 2654435761)
    h ^= h >> np.uint64(15)
    h = u32(h * np.uint64(2246822519))
    h ^= h >> np.uint64(13)
    h = u32(h * np.uint64(3266489917))
    return ((h ^ (h >> np.uint64(16))) & np.uint64(255)).astype(np.int64)


def make_scene(spec):
    """A Pillow image of mode RGB or L."""
    width, height, channels = spec["width"], spec["height"], spec["channels"]
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    at = np.minimum(x, width - 1 - x) if spec["scene"] == "mirrored" else x
    value = scramble(at, y, c, spec["seed"])
    if spec["scene"] == "smooth":
        value = (x * 3 + y * 5 + c * 40) % 200 + value // 16
    if spec["scene"] == "edges":
        value = np.where((x // 7 + y // 5 + c) % 2 == 0, 0, 255)
    pixels = value.astype(np.uint8)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)


def spec(scene, width, height, channels, seed=1):
    return {"scene": scene, "width": width, "height": height, "channels": channels, "seed": seed}


def checksum(image):
    return zlib.crc32(image.tobytes())


def write_golden(name, made_with, cases):
    DATA.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    (DATA / name).write_text(f'{{"made_with": {json.dumps(made_with)}, "cases": [\n{lines}\n]}}\n')
    print(f"{DATA / name}: {len(cases)} cases")
