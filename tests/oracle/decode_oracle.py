"""Makes the small test images in tests/data/images and what they must decode to (decode_goldens.json).

Pixels come from formulas, so that nobody's photo is committed. The expected values come from OpenCV and Pillow,
which bring their own builds of libjpeg-turbo and libpng; where the two can both read a file they must agree,
apart from the exceptions named in OPENCV_ONLY and PILLOW_ONLY.

    python tests/oracle/decode_oracle.py          check that the committed goldens still hold
    python tests/oracle/decode_oracle.py --write  make images and goldens anew

Needs numpy, Pillow >= 11 and opencv-python.
"""

import argparse
import hashlib
import io
import json
import pathlib
import struct
import sys
import zlib

import cv2
import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = ROOT / "tests/data/images"
GOLDENS = IMAGES / "decode_goldens.json"
PHOTOS = ROOT / ".deps/photos"

# Pillow keeps 16-bit gray as it is and clips it on the way to 8 bits; we take the upper half as OpenCV does.
OPENCV_ONLY = {"png_gray16.png", "png_gray16_adam7.png"}
# OpenCV's conversion of four inks rounds differently from Pillow's, which is ours.
PILLOW_ONLY = {"jpeg_cmyk.jpg"}

ORIENTATION_TAG = 0x0112

# One image holds a text that inflates to 8 MB, to see that we leave it alone. Pillow must get through it.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 1 << 25


def pattern(width, height, seed=0):
    """Gradients, an edge, a disc and some noise: smooth and sharp parts in all three channels."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 255 * x / max(width - 1, 1)
    green = 255 * y / max(height - 1, 1)
    blue = 127.5 + 127.5 * np.sin(x / 5.0 + seed) * np.cos(y / 7.0)
    disc = (x - width * 0.6) ** 2 + (y - height * 0.4) ** 2 < (min(width, height) * 0.25) ** 2
    image = np.stack([red, green, blue], axis=-1)
    image[disc] = 255 - image[disc]
    image[:, : width // 5] *= 0.4
    image += np.random.default_rng(seed).normal(0, 6, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def jpeg(pixels, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", **options)
    return out.getvalue()


def oriented(image, kind, value, **options):
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = value
    out = io.BytesIO()
    image.save(out, kind, exif=exif.tobytes(), **options)
    return out.getvalue()


def with_app1(data, payload):
    """The JPEG with one more APP1 segment right behind its first marker."""
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pack_samples(rows, depth):
    """Rows of samples -> the bytes of PNG rows, each behind filter type 0."""
    height, samples = rows.shape
    if depth == 16:
        body = rows.astype(">u2").tobytes()
        body = np.frombuffer(body, np.uint8).reshape(height, samples * 2)
    elif depth == 8:
        body = rows.astype(np.uint8)
    else:
        shifts = np.arange(depth)[::-1]
        bits = ((rows[..., None] >> shifts) & 1).reshape(height, samples * depth)
        body = np.packbits(bits.astype(np.uint8), axis=1)
    return np.concatenate([np.zeros((height, 1), np.uint8), body], axis=1).tobytes()


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, depth, colour, interlaced=False, before_pixels=b"", after_pixels=b""):
    """A PNG of any kind: Pillow and OpenCV cannot write most of them. samples: height x width x channels."""
    height, width, channels = samples.shape
    raw = b""
    for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if part.size:
            raw += pack_samples(part.reshape(part.shape[0], -1), depth)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    packed = zlib.compress(raw, 9)
    half = len(packed) // 2
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + before_pixels
            + png_chunk(b"IDAT", packed[:half]) + png_chunk(b"IDAT", packed[half:])
            + after_pixels + png_chunk(b"IEND", b""))


def make_jpegs():
    photo = pattern(149, 97)
    gray = photo[..., 1]
    files = {
        "jpeg_420.jpg": jpeg(photo, quality=85, subsampling=2),
        "jpeg_422.jpg": jpeg(photo, quality=85, subsampling=1),
        "jpeg_444.jpg": jpeg(photo, quality=95, subsampling=0),
        "jpeg_440.jpg": cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x121111])[1].tobytes(),
        "jpeg_411.jpg": cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x411111])[1].tobytes(),
        "jpeg_gray.jpg": jpeg(gray, quality=85),
        "jpeg_optimized.jpg": jpeg(photo, quality=40, optimize=True),
        "jpeg_progressive_420.jpg": jpeg(photo, quality=85, subsampling=2, progressive=True),
        "jpeg_progressive_444.jpg": jpeg(photo, quality=95, subsampling=0, progressive=True),
        "jpeg_progressive_gray.jpg": jpeg(gray, quality=85, progressive=True),
        "jpeg_restart.jpg": jpeg(photo, quality=85, restart_marker_blocks=3),
        "jpeg_rgb.jpg": jpeg(photo, quality=90, keep_rgb=True, subsampling=0),
        "jpeg_1x1.jpg": jpeg(photo[:1, :1], quality=90),
        "jpeg_17x13.jpg": jpeg(photo[:13, :17], quality=90, subsampling=2),
        "jpeg_1x20000.jpg": jpeg(pattern(1, 20000), quality=50, subsampling=2),
        "jpeg_20000x1.jpg": jpeg(pattern(20000, 1), quality=50, subsampling=2, progressive=True),
    }
    out = io.BytesIO()
    inks = np.concatenate([255 - photo, np.minimum(gray, 90)[..., None]], axis=-1)
    Image.fromarray(inks, "CMYK").save(out, "JPEG", quality=90)
    files["jpeg_cmyk.jpg"] = out.getvalue()
    plain = files["jpeg_420.jpg"]
    files["jpeg_trailing_garbage.jpg"] = plain + bytes(range(256)) * 2
    files["jpeg_exif_broken.jpg"] = with_app1(plain, b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\x07" * 40)
    tiff = lambda value: struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, ORIENTATION_TAG, 3, 1, value, 0)
    for value in (0, 9):
        files[f"jpeg_exif_orientation_{value}.jpg"] = with_app1(plain, b"Exif\0\0" + tiff(value))
    # Photos edited with Adobe's programs hold XMP in a second APP1; its order must not matter.
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"
    files["jpeg_xmp_then_exif.jpg"] = with_app1(with_app1(plain, b"Exif\0\0" + tiff(6)), xmp)
    small = Image.fromarray(pattern(61, 43, 3))
    for value in range(1, 9):
        files[f"orientation_{value}.jpg"] = oriented(small, "JPEG", value, quality=90)
    return files


def make_pngs():
    photo = pattern(67, 45, 1).astype(np.int64)
    height, width = photo.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    alpha = ((x * 5 + y * 3) % 256)[..., None]
    gray = photo[..., :1]
    deep = np.random.default_rng(5).integers(0, 65536, (23, 37, 3))
    palette = png_chunk(b"PLTE", pattern(16, 16, 2).tobytes())
    clear = png_chunk(b"tRNS", bytes(range(0, 256, 8)))
    files = {}

    def add(name, samples, depth, colour, **options):
        files[f"png_{name}.png"] = png(samples, depth, colour, **options)
        files[f"png_{name}_adam7.png"] = png(samples, depth, colour, interlaced=True, **options)

    for depth in (1, 2, 4, 8):
        add(f"gray{depth}", gray >> (8 - depth), depth, 0)
        colours = png_chunk(b"PLTE", pattern(2**depth, 1, 2).tobytes()) if depth < 8 else palette
        add(f"palette{depth}", gray >> (8 - depth), depth, 3, before_pixels=colours)
    add("gray16", deep[..., :1], 16, 0)
    add("gray_alpha", np.concatenate([gray, alpha], axis=-1), 8, 4)
    add("rgb", photo, 8, 2)
    add("rgb16", deep, 16, 2)
    add("rgba", np.concatenate([photo, alpha], axis=-1), 8, 6)
    add("rgba16", np.concatenate([deep, alpha[:23, :37] * 257], axis=-1), 16, 6)
    add("palette_alpha", gray, 8, 3, before_pixels=palette + clear)
    add("gamma", photo, 8, 2, before_pixels=png_chunk(b"gAMA", struct.pack(">I", 100000)))
    files["png_1x1.png"] = png(photo[:1, :1], 8, 2)
    files["png_1x1_adam7.png"] = png(photo[:1, :1], 8, 2, interlaced=True)
    files["png_5x1_adam7.png"] = png(photo[:1, :5], 8, 2, interlaced=True)
    files["png_1x20000.png"] = png(np.tile(pattern(1, 500), (40, 1, 1)).astype(np.int64), 8, 2)
    bomb = zlib.compress(bytes(8_000_000), 9)
    files["png_text_bomb.png"] = png(
        photo, 8, 2, before_pixels=png_chunk(b"zTXt", b"Comment\0\0" + bomb) + png_chunk(b"iCCP", b"p\0\0" + bomb))
    small = Image.fromarray(pattern(61, 43, 4))
    for value in (3, 6, 7):
        files[f"orientation_{value}.png"] = oriented(small, "PNG", value)
    tiff = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, ORIENTATION_TAG, 3, 1, 8, 0)
    files["orientation_late_8.png"] = png(photo, 8, 2, after_pixels=png_chunk(b"eXIf", tiff))
    return files


def digest(pixels):
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def with_opencv(data, flags=cv2.IMREAD_COLOR):
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def golden(name, data):
    image = Image.open(io.BytesIO(data))
    image.load()
    orientation = image.getexif().get(ORIENTATION_TAG, 1)
    opencv = with_opencv(data)
    pillow = np.asarray(image.convert("RGB"))
    if name not in OPENCV_ONLY | PILLOW_ONLY and not np.array_equal(opencv, pillow):
        sys.exit(f"{name}: OpenCV and Pillow differ by up to {np.abs(opencv.astype(int) - pillow).max()}")
    stored = pillow if name in PILLOW_ONLY else opencv
    row = {
        "name": name,
        "width": stored.shape[1],
        "height": stored.shape[0],
        "orientation": orientation if 1 <= orientation <= 8 else 1,
        "sha256": digest(stored),
    }
    if row["orientation"] != 1 and name not in OPENCV_ONLY | PILLOW_ONLY:
        row["upright_sha256"] = digest(np.asarray(ImageOps.exif_transpose(image).convert("RGB")))
    if image.format == "JPEG" and min(stored.shape[:2]) >= 16 and name not in PILLOW_ONLY:
        reduced = (cv2.IMREAD_REDUCED_COLOR_2, cv2.IMREAD_REDUCED_COLOR_4, cv2.IMREAD_REDUCED_COLOR_8)
        row["reduced_sha256"] = [digest(with_opencv(data, flag)) for flag in reduced]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    if write:
        IMAGES.mkdir(parents=True, exist_ok=True)
        for name, data in {**make_jpegs(), **make_pngs()}.items():
            (IMAGES / name).write_bytes(data)
    paths = sorted(p for p in IMAGES.iterdir() if p.suffix in (".jpg", ".png"))
    rows = {
        "images": [golden(path.name, path.read_bytes()) for path in paths],
        "photos": [golden(path.name, path.read_bytes()) for path in sorted(PHOTOS.glob("*"))],
    }
    if write:
        GOLDENS.write_text(json.dumps(rows, indent=1) + "\n")
    elif rows != json.loads(GOLDENS.read_text()):
        sys.exit("the goldens in the tree are not what OpenCV and Pillow say today")
    print(f"{len(rows['images'])} images, {len(rows['photos'])} photos")


if __name__ == "__main__":
    main()
