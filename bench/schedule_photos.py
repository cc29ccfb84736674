"""The photos of bench/device_schedule.py: the same bytes on every machine that has the same Pillow.

Set A: photos of the 37 sizes of a typical collection, textured like photos, with a square or two that the tiny detector
of the tests takes for faces (write_tiny_models). Set B: the same with real faces, cut out of the sample photos.
"""

import functools
import json
import multiprocessing
import os
import pathlib
import shutil
import subprocess

import numpy
from PIL import Image

# Width and height of 37 photos as people have them: test photos and examples of programs for faces.
SIZES = (
    (2500, 1655), (2048, 2048), (1600, 1065), (1500, 1000), (1275, 675), (2500, 1728), (660, 990), (480, 720),
    (400, 500), (940, 1242), (410, 512), (1100, 825), (1200, 720), (2048, 1365), (1600, 1073), (800, 542), (660, 440),
    (1363, 2048), (1000, 1780), (675, 469), (612, 430), (608, 276), (500, 333), (970, 2204), (501, 700), (2000, 1428),
    (1200, 1200), (630, 374), (626, 1200), (577, 880), (1920, 1080), (853, 480), (1126, 661), (491, 1137), (440, 231),
    (680, 366), (400, 328),
)
LARGE = ((4000, 3000), (3000, 4000))
CANVAS = 640  # the longer side of what a detector looks at; smaller photos keep their size
QUALITY = 85
SPOT = 20  # pixels of a face in the canvas: it covers cells of the stride of eight
TEXTURE = 1024
EDITION = 2  # photos of another one are made again


@functools.cache
def make_texture():
    """Noise of many sizes, as in photos, that repeats itself without an edge; dark enough to be no face."""
    random = numpy.random.default_rng(1)
    total = numpy.zeros((TEXTURE, TEXTURE, 3), numpy.float32)
    for cells in (4, 16, 64, 256, 1024):
        noise = random.normal(size=(cells, cells, 3)).astype(numpy.float32)
        total += noise.repeat(TEXTURE // cells, 0).repeat(TEXTURE // cells, 1) * (6.0 if cells < 1024 else 3.0)
        for axis in (0, 1):  # no corners but those of the pixels
            reach = TEXTURE // cells // 2
            total = sum((numpy.roll(total, step * reach // 2, axis) for step in (-1, 0, 1)), total) / 4
    total *= 22 / total.std()
    return (total + 70).clip(0, 125).astype(numpy.uint8)


def make_background(random, width, height):
    texture = numpy.roll(make_texture(), tuple(random.integers(0, TEXTURE, 2)), (0, 1))
    tiles = (-(-height // TEXTURE), -(-width // TEXTURE), 1)
    return numpy.tile(texture, tiles)[:height, :width].copy()


def paint_spots(random, pixels):
    """A square or two, as large as a face of the tiny detector once the photo is made smaller."""
    height, width = pixels.shape[:2]
    side = round(SPOT * max(1.0, max(width, height) / CANVAS))
    for _ in range(1 if random.random() < 0.7 else 2):
        x, y = (int(random.integers(0, limit - side)) for limit in (width, height))
        pixels[y : y + side, x : x + side] //= 8
        pixels[y : y + side, x : x + side] += 225


def paste_faces(random, pixels, faces):
    height, width = pixels.shape[:2]
    photo = Image.fromarray(pixels)
    for _ in range(random.integers(1, 4)):
        face = faces[random.integers(len(faces))]
        side = int(min(width, height) * random.uniform(0.15, 0.5))
        face = face.resize((side, side * face.height // face.width), Image.Resampling.BILINEAR)
        x, y = (int(random.integers(0, max(1, limit - part))) for limit, part in zip((width, height), face.size))
        photo.paste(face, (x, y))
    return numpy.asarray(photo)


def write_photo(path, number, size, faces):
    random = numpy.random.default_rng(number)
    pixels = make_background(random, *size)
    if faces:
        pixels = paste_faces(random, pixels, faces)
    else:
        paint_spots(random, pixels)
    Image.fromarray(pixels).save(path, "JPEG", quality=QUALITY)


def write_part(part):
    folder, numbers, sizes, faces = part
    for number, size in zip(numbers, sizes):
        write_photo(folder / f"{number:05}.jpg", number, size, faces)


def make_set(folder, count, sizes, faces=None):
    """Makes `count` photos in the folder, of these sizes in an order of chance, unless they are there. Returns it."""
    mark = folder / "edition"
    wanted = f"{EDITION} {count} {len(sizes)}"
    if mark.exists() and mark.read_text() == wanted:
        return folder / "photos"
    shutil.rmtree(folder, ignore_errors=True)
    photos = folder / "photos"
    photos.mkdir(parents=True)
    chosen = [sizes[index % len(sizes)] for index in range(count)]
    numpy.random.default_rng(2).shuffle(chosen)
    step = 25
    parts = [
        (photos, range(first, min(first + step, count)), chosen[first : first + step], faces)
        for first in range(0, count, step)
    ]
    with multiprocessing.Pool() as pool:
        for _ in pool.imap_unordered(write_part, parts):
            pass
    mark.write_text(wanted)
    return photos


def make_large_set(folder, count):
    """`count` photos of 12 MP, each file another one though only a few pictures are made. Returns their folder."""
    made = make_set(folder, 8, LARGE)
    photos = folder / f"copies{count}"
    if photos.exists():
        return photos
    files = sorted(made.iterdir())
    part = folder / "part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for number in range(count):
        picture = files[number % len(files)].read_bytes()
        comment = b"\xff\xfe\x00\x0a" + b"%08d" % number
        (part / f"{number:05}.jpg").write_bytes(picture[:2] + comment + picture[2:])
    part.rename(photos)
    return photos


def sizes_of(photos):
    """Width and height of each photo, in the order of their names."""
    sizes = []
    for path in sorted(photos.iterdir()):
        with Image.open(path) as photo:
            sizes.append(photo.size)
    return sizes


def find_faces(mien, samples):
    """Cut-outs of the faces that mien finds in the sample photos on the CPU, a third larger than their boxes."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(pathlib.Path(samples).parent)}
    found = subprocess.run([mien, "scan", str(samples), "--gpu=off", "--quiet"], capture_output=True, text=True,
                           check=True, env=clean, cwd=samples)
    faces = []
    for line in found.stdout.splitlines():
        record = json.loads(line)
        with Image.open(record["source"]) as opened:
            photo = opened.convert("RGB")
        for face in record["faces"]:
            x1, y1, x2, y2 = face["bbox"]
            margin = 0.33 * (x2 - x1)
            box = (round(x1 - margin), round(y1 - margin), round(x2 + margin), round(y2 + margin))
            is_inside = box[0] >= 0 and box[1] >= 0 and box[2] <= photo.width and box[3] <= photo.height
            if is_inside and x2 - x1 >= 80 and face["det_score"] > 0.8:
                faces.append(photo.crop(box))
    if not faces:
        raise SystemExit(f"no faces were found in {samples}: are the sample photos there?")
    return faces
