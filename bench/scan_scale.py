#!/usr/bin/env python3
"""Does a scan of very many photos stay linear in time and constant in memory, and does it resume in seconds?

Makes N different JPEGs of 250x250 with faces cut out of the sample photos, scans them, and prints Markdown: CPU time
and memory by tenths of the progress, the least-squares slope, and the time that resuming the finished scan takes.

Needs numpy and Pillow. Example:
    bench/scan_scale.py --photos .deps/photos --images 5000 --folder /tmp/many build/dev/mien -- --det MODEL.onnx
"""

import argparse
import io
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import time

import numpy
from PIL import Image

SIDE = 250
TENTHS = 10
IMAGES_A_FOLDER = 1000
IMAGES_WARM = 10_000  # or a tenth, if that is less: from here on memory should be flat
BACKGROUNDS = ("coffee.png", "chelsea.png")
SAMPLE_SECONDS = 0.05
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def find_faces(mien, photos):
    """Cut-outs of the faces in the sample photos, half as large again as their boxes."""
    scan = subprocess.run([mien, "scan", str(photos)], capture_output=True, text=True, check=True)
    faces = []
    for line in scan.stdout.splitlines():
        record = json.loads(line)
        with Image.open(record["source"]) as photo:
            photo = photo.convert("RGB")
            for face in record["faces"]:
                x1, y1, x2, y2 = face["bbox"]
                margin = 0.25 * max(x2 - x1, y2 - y1)
                if x2 - x1 >= 40 and face["det_score"] > 0.6:
                    box = tuple(round(value) for value in (x1 - margin, y1 - margin, x2 + margin, y2 + margin))
                    faces.append(photo.crop(box).resize((200, 240), Image.Resampling.LANCZOS))
    return faces


def make_photo(number, faces, backgrounds):
    """Another photo for every number, and the same one whenever it is asked for."""
    random = numpy.random.default_rng(number)
    background = backgrounds[random.integers(len(backgrounds))]
    left = int(random.integers(background.width - SIDE))
    top = int(random.integers(background.height - SIDE))
    photo = background.crop((left, top, left + SIDE, top + SIDE))
    for _ in range(random.integers(0, 4)):
        face = faces[random.integers(len(faces))]
        width = int(random.integers(30, 150))
        face = face.resize((width, width * 6 // 5), Image.Resampling.BILINEAR)
        face = face.point(lambda value, gain=random.uniform(0.6, 1.3): min(255, value * gain))
        photo.paste(face, (int(random.integers(SIDE - width)), int(random.integers(-10, SIDE - width))))
    pixels = numpy.asarray(photo, dtype=numpy.int16) + random.integers(-6, 7, (SIDE, SIDE, 1), dtype=numpy.int16)
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8)).save(out, "JPEG", quality=85)
    return out.getvalue()


def make_photos(part):
    folder, first, last, faces, backgrounds = part
    for number in range(first, last):
        path = folder / f"{number // IMAGES_A_FOLDER:04}" / f"{number:07}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_photo(number, faces, backgrounds))


def make_album(mien, photos, folder, images):
    faces = find_faces(mien, photos)
    backgrounds = [Image.open(photos / name).convert("RGB") for name in BACKGROUNDS]
    parts = [
        (folder, first, min(first + IMAGES_A_FOLDER, images), faces, backgrounds)
        for first in range(0, images, IMAGES_A_FOLDER)
    ]
    with multiprocessing.Pool() as pool:
        for _ in pool.imap_unordered(make_photos, parts):
            pass


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def memory_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0  # it has ended


class Progress:
    """Counts the lines of a file that is still being written."""

    def __init__(self, path):
        self.path = path
        self.lines = 0
        self.file = None

    def update(self):
        if not self.file:
            if not self.path.exists():
                return 0
            self.file = self.path.open("rb")
        while piece := self.file.read(1 << 20):
            self.lines += piece.count(b"\n")
        return self.lines


def run_scan(command, out, images):
    """Runs the scan. Returns samples (images done, CPU seconds, MB), and seconds of wall clock."""
    begin = time.monotonic()
    progress = Progress(out)
    samples = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            try:
                samples.append((progress.update(), cpu_seconds(process.pid), memory_mb(process.pid)))
            except (OSError, IndexError):
                break
            time.sleep(SAMPLE_SECONDS)
        message = process.stderr.read().decode()
        process.wait()
    if process.returncode != 0 or progress.update() != images:
        sys.exit(f"the scan ended with {process.returncode} after {progress.lines} of {images} images:\n{message}")
    return [sample for sample in samples if sample[2] > 0], time.monotonic() - begin


def tenths_of(samples, images):
    """For each tenth: CPU milliseconds an image, and the largest memory seen in it."""
    done, cpu, memory = (numpy.array(column, dtype=float) for column in zip(*samples))
    # One value at each count; the start-up (models, listing) is before the first record.
    first = max(int(numpy.searchsorted(done, 1)) - 1, 0)
    edges = [images * tenth / TENTHS for tenth in range(TENTHS + 1)]
    cpu_at = numpy.interp(edges, done[first:], cpu[first:])
    rows = []
    for tenth in range(TENTHS):
        inside = (done >= edges[tenth]) & (done <= edges[tenth + 1])
        ms = (cpu_at[tenth + 1] - cpu_at[tenth]) * 1000 / (images / TENTHS)
        rows.append((ms, float(memory[inside].max()) if inside.any() else float("nan")))
    return rows


def print_results(images, samples, seconds, resume_seconds):
    rows = tenths_of(samples, images)
    print("| tenth | CPU ms an image | memory MB |\n|---|---|---|")
    for number, (ms, megabytes) in enumerate(rows, 1):
        print(f"| {number} | {ms:.3f} | {megabytes:.1f} |")
    times = numpy.array([ms for ms, _ in rows])
    slope = numpy.polyfit(numpy.arange(TENTHS), times, 1)[0] / times.mean() * 100
    done, _, memory = (numpy.array(column, dtype=float) for column in zip(*samples))
    warm = memory[done >= min(IMAGES_WARM, images / TENTHS)]
    print(
        f"\n{images} images in {seconds:.1f} s. CPU: {times.mean():.3f} ms an image, slope {slope:+.2f} % a tenth, "
        f"{slope * (TENTHS - 1):+.2f} % from the first to the last. "
        f"Memory after {min(IMAGES_WARM, images // TENTHS)} images: {warm.min():.1f} to {warm.max():.1f} MB, "
        f"{(warm.max() / warm[0] - 1) * 100:+.2f} % at most. Resumed when finished: {resume_seconds:.2f} s."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=pathlib.Path, required=True, help="the sample photos")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where the generated photos are kept")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--only-generate", action="store_true")
    parser.add_argument("mien", help="the program")
    parser.add_argument("options", nargs="*", help="further options of mien scan, behind --")
    options = parser.parse_args()

    album = options.folder / f"photos{options.images}"
    make_album(options.mien, options.photos, album, options.images)
    if options.only_generate:
        return
    out = options.folder / "records.jsonl"
    out.unlink(missing_ok=True)
    command = [options.mien, "scan", str(album), "--out", str(out), "--quiet", *options.options]
    samples, seconds = run_scan(command, out, options.images)
    begin = time.monotonic()
    subprocess.run([*command, "--resume"], check=True)
    print_results(options.images, samples, seconds, time.monotonic() - begin)


if __name__ == "__main__":
    main()
