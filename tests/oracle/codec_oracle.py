"""Compares every sample of a whole photo, in every variant of HEIC, AVIF and colour profile, and of the previews in
camera raw files, with what pillow-heif, Pillow, ImageCms and rawpy make of it. Prints a table.

    python tests/oracle/codec_oracle.py                    what the script makes itself
    python tests/oracle/codec_oracle.py --raw FILE...      and these raw files, as rawpy sees them

Needs numpy, Pillow >= 11.3, pillow-heif, rawpy, avifenc (libavif-bin), and build/dev/decode_probe.
"""

import argparse
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import rawpy
from PIL import Image

import heif_and_colour_files as files

ROOT = pathlib.Path(__file__).resolve().parents[2]
WHOLE = (0, 0, 512, 512)

# Means over an image: decoders enlarge chroma by repeating it or by interpolation, which differs at edges alone.
MEAN_MAX = 2.0


def decoded(probe, data, folder):
    source, out = folder / "in", folder / "out.ppm"
    source.write_bytes(data)
    out.unlink(missing_ok=True)
    answer = json.loads(subprocess.run([probe, "--colours", source, out], capture_output=True, check=False).stdout)
    if answer["error"]:
        return None, answer["error"]
    with Image.open(out) as image:
        return np.asarray(image).astype(int), answer["orientation"]


def made_here():
    files.SMALL = files.FACE = WHOLE
    for group, make in (("heif", files.make_heif), ("colour", files.make_colour)):
        for name, data in make().items():
            oracle = "Pillow" if name.endswith(".avif") or group == "colour" else "pillow-heif"
            stored, converted = files.decode(name, data)
            moved = stored.tobytes() != converted.tobytes()
            yield name, data, np.asarray(converted).astype(int), oracle + (" and ImageCms" if moved else "")


def raw_previews(paths):
    for path in paths:
        try:
            with rawpy.imread(str(path)) as raw:
                preview = raw.extract_thumb()
        except rawpy.LibRawError as error:
            print(f"{path.name}: rawpy finds no preview: {error}", file=sys.stderr)
            continue
        if preview.format == rawpy.ThumbFormat.JPEG:
            pixels = np.asarray(Image.open(io.BytesIO(preview.data)).convert("RGB"))
        else:
            pixels = preview.data
        yield path.name, path.read_bytes(), pixels.astype(int), "rawpy"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probe", default=ROOT / "build/dev/decode_probe")
    parser.add_argument("--raw", nargs="*", type=pathlib.Path, default=[])
    arguments = parser.parse_args()
    failures = 0
    print("| variant | against | largest difference | mean |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, data, expected, oracle in [*made_here(), *raw_previews(arguments.raw)]:
            pixels, said = decoded(arguments.probe, data, pathlib.Path(folder))
            if pixels is None or pixels.shape != expected.shape:
                failures += 1
                print(f"| {name} | {oracle} | {said if pixels is None else pixels.shape} | FAILS |")
                continue
            difference = np.abs(pixels - expected)
            good = difference.mean() <= MEAN_MAX
            failures += not good
            print(f"| {name} | {oracle} | {difference.max()} | {difference.mean():.2f}{'' if good else ' FAILS'} |")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
