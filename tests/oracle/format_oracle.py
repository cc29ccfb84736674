"""Makes one photo in every format and variant, and compares what mien decodes with what Pillow decodes.

    format_oracle.py                  big variants in a folder of their own, compared by build/dev/decode_probe
    format_oracle.py --write          makes the small ones in tests/data/formats and their goldens anew
    format_oracle.py --only webp,gif  some groups of variants alone

Needs numpy and Pillow >= 11. A group is a function that yields (name, bytes, expected pixels, tolerance): to add a
format, write one and put it into GROUPS. The tolerance is the largest difference of a sample that has a reason, and
the reason stands beside it.
"""

import argparse
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageCms, ImageOps

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = ROOT / "tests/data/formats"
GOLDENS = SMALL / "goldens.json"
PHOTO = ROOT / ".deps/photos/astronaut.png"  # NASA, public domain
EYES = (196, 88, 244, 128)  # of the photo: 48 x 40 pixels
FACE = (140, 20, 300, 196)

EXACT = 0
ORIENTATION = 0x0112


def read_photo():
    with Image.open(PHOTO) as image:
        photo = image.convert("RGB")
    del photo.info["icc_profile"]  # else every variant would carry it
    return photo


def saved(image, name, **options):
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def rgb(data):
    """What Pillow sees, as stored: transparency dropped."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def slope(image):
    width, height = image.size
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(((x * 5 + y * 3) % 256).astype(np.uint8))


def with_alpha(image):
    copy = image.copy()
    copy.putalpha(slope(image))
    return copy


def webp_group(photo):
    for name, data in {
        "lossy": saved(photo, "WEBP", quality=80),
        "lossless": saved(photo, "WEBP", lossless=True),
        "lossy_alpha": saved(with_alpha(photo), "WEBP", quality=80),
        "lossless_alpha": saved(with_alpha(photo), "WEBP", lossless=True, exact=True),
        "animated": saved(
            photo, "WEBP", lossless=True, save_all=True, append_images=[ImageOps.mirror(photo)] * 2
        ),
        "exif": saved(photo, "WEBP", quality=60, exif=orientation(6)),
        "profile": saved(photo, "WEBP", quality=60, icc_profile=profile()),
    }.items():
        yield f"webp_{name}.webp", data, rgb(data), EXACT


def gif_group(photo):
    palette = photo.quantize(64)
    clear = palette.copy()
    clear.info["transparency"] = 3
    moving = [palette, ImageOps.mirror(photo).quantize(64)]
    for name, data in {
        "palette": saved(palette, "GIF", interlace=0),
        "interlaced": saved(palette, "GIF", interlace=1),
        "gray": saved(photo.convert("L"), "GIF"),
        "two_colours": saved(photo.convert("1"), "GIF"),
        "transparent": saved(clear, "GIF", transparency=3),
        "animated": saved(moving[0], "GIF", save_all=True, append_images=moving[1:]),
    }.items():
        yield f"gif_{name}.gif", data, rgb(data), EXACT
    # The first frame may cover a part of the canvas: the width in the header is changed by hand.
    wide = bytearray(saved(palette, "GIF", interlace=0))
    wide[6] += 9
    wide[8] += 5
    yield "gif_frame_inside.gif", bytes(wide), rgb(bytes(wide)), EXACT


def bmp_group(photo):
    top_down = bytearray(saved(photo, "BMP"))
    width, height = photo.size
    top_down[22:26] = (-height).to_bytes(4, "little", signed=True)
    fives = (np.asarray(photo).astype(np.uint16) >> 3) @ np.array([1 << 10, 1 << 5, 1], np.uint16)
    row_bytes = (width * 2 + 3) // 4 * 4
    rows = b"".join(row.astype("<u2").tobytes().ljust(row_bytes, b"\0") for row in fives[::-1])
    header = bytearray(saved(photo, "BMP")[:54])
    header[28] = 16
    for name, data, tolerance in (
        ("rgb", saved(photo, "BMP"), EXACT),
        ("top_down", bytes(top_down), EXACT),
        ("rgba", saved(with_alpha(photo), "BMP"), EXACT),
        ("palette8", saved(photo.quantize(200), "BMP"), EXACT),
        ("palette4", saved(photo.quantize(16).convert("P"), "BMP"), EXACT),
        ("gray", saved(photo.convert("L"), "BMP"), EXACT),
        ("two_colours", saved(photo.convert("1"), "BMP"), EXACT),
        ("16bit", bytes(header) + rows, 1),  # five bits to eight: repeated there, scaled in Pillow
    ):
        yield f"bmp_{name}.bmp", data, rgb(data), tolerance


def upper_bytes(samples):
    """16 bits to 8 as libtiff does it: rounded."""
    return ((samples.astype(np.int64) + 128) // 257).astype(np.uint8)


def tiff_bytes(samples, photometric, extra=(), **tags):
    """An uncompressed TIFF of one strip by hand, for what Pillow does not write: 16 bits, planes, white as zero."""
    height, width, count = samples.shape
    bits = samples.dtype.itemsize * 8
    planes = tags.pop("planes", False)
    stored = np.moveaxis(samples, -1, 0) if planes else samples
    data = np.ascontiguousarray(stored).astype(f"<u{bits // 8}").tobytes()
    size = width * height * bits // 8
    entries = {256: width, 257: height, 258: [bits] * count, 259: 1, 262: photometric, 277: count, 278: height}
    entries |= {284: 2 if planes else 1}
    entries[273] = [8 + i * size for i in range(count)] if planes else 8
    entries[279] = [size] * count if planes else len(data)
    if extra:
        entries[338] = list(extra)
    entries |= tags.pop("more", {})
    for tag in tags.pop("without", ()):
        del entries[tag]
    out = bytearray(b"II*\0\0\0\0\0" + data + b"\0" * (len(data) % 2))
    table = []
    for tag in sorted(entries):
        values = entries[tag] if isinstance(entries[tag], list) else [entries[tag]]
        packed = b"".join(value.to_bytes(4, "little") for value in values)
        place = packed if len(packed) == 4 else len(out).to_bytes(4, "little")
        if len(packed) > 4:
            out += packed
        table.append(tag.to_bytes(2, "little") + b"\4\0" + len(values).to_bytes(4, "little") + place)
    out[4:8] = len(out).to_bytes(4, "little")
    return bytes(out + len(table).to_bytes(2, "little") + b"".join(table) + b"\0\0\0\0")


def tiled_tiff(pixels, tile_width, tile_height):
    height, width, _ = pixels.shape
    down, across = -(-height // tile_height), -(-width // tile_width)
    padded = np.pad(pixels, ((0, down * tile_height - height), (0, across * tile_width - width), (0, 0)), mode="edge")
    tiles = padded.reshape(down, tile_height, across, tile_width, 3).swapaxes(1, 2)
    size = tile_width * tile_height * 3
    offsets = [8 + i * size for i in range(down * across)]
    more = {256: width, 257: height, 322: tile_width, 323: tile_height, 324: offsets, 325: [size] * len(offsets)}
    return tiff_bytes(tiles.reshape(-1, tile_width, 3), 2, more=more, without=(273, 278, 279))


def tiff_group(photo):
    pixels = np.asarray(photo)
    gray = np.asarray(photo.convert("L"))[..., None]
    alpha = np.asarray(slope(photo))[..., None]
    deep = pixels.astype(np.uint16) * 255 + pixels[::-1, ::-1] // 2
    inks = photo.convert("CMYK")
    pages = saved(photo, "TIFF", save_all=True, append_images=[ImageOps.mirror(photo)], compression="tiff_lzw")
    for name, data in {
        "raw": saved(photo, "TIFF"),
        "lzw": saved(photo, "TIFF", compression="tiff_lzw"),
        "deflate": saved(photo, "TIFF", compression="tiff_adobe_deflate"),
        "packbits": saved(photo, "TIFF", compression="packbits"),
        "gray": saved(photo.convert("L"), "TIFF", compression="tiff_lzw"),
        "two_colours": saved(photo.convert("1"), "TIFF", compression="group4"),
        "palette": saved(photo.quantize(100), "TIFF", compression="tiff_lzw"),
        "alpha": saved(with_alpha(photo), "TIFF", compression="tiff_lzw"),
        "strips": saved(photo, "TIFF", compression="tiff_lzw", tiffinfo={278: 7}),
        "pages": pages,
        "big": saved(photo, "TIFF", big_tiff=True),
        "profile": saved(photo, "TIFF", compression="tiff_lzw", icc_profile=profile()),
    }.items():
        yield f"tiff_{name}.tif", data, rgb(data), EXACT
    jpeg = saved(photo, "TIFF", compression="jpeg", quality=90)
    yield "tiff_jpeg.tif", jpeg, rgb(jpeg), 2  # Pillow may bring another build of libjpeg
    four = saved(inks, "TIFF", compression="tiff_lzw")
    yield "tiff_cmyk.tif", four, rgb(four), 1  # rounding of the inks' product
    turned = saved(photo, "TIFF", compression="tiff_lzw", tiffinfo={ORIENTATION: 6})
    yield "tiff_orientation.tif", turned, pixels, EXACT  # Pillow would turn it upright
    tiles = tiled_tiff(pixels, 32, 16)
    yield "tiff_tiles.tif", tiles, rgb(tiles), EXACT
    by_hand = np.repeat(gray, 3, axis=-1)
    yield "tiff_white_is_zero.tif", tiff_bytes(255 - gray, 0), by_hand, EXACT
    yield "tiff_planes.tif", tiff_bytes(pixels, 2, planes=True), pixels, EXACT
    yield "tiff_rgb16.tif", tiff_bytes(deep, 2), upper_bytes(deep), EXACT
    yield "tiff_gray16.tif", tiff_bytes(deep[..., :1], 1), np.repeat(deep[..., :1] >> 8, 3, -1).astype(np.uint8), EXACT
    yield "tiff_gray_alpha.tif", tiff_bytes(np.dstack([gray, alpha]), 1, extra=[2]), by_hand, EXACT
    yield "tiff_rgba16.tif", tiff_bytes(np.dstack([deep, alpha.astype(np.uint16) * 257]), 2, extra=[2]), upper_bytes(
        deep
    ), EXACT
    multiplied = (pixels.astype(np.int64) * np.maximum(alpha, 32) // 255).astype(np.uint8)
    divided = np.minimum(255, multiplied.astype(np.int64) * 255 // np.maximum(alpha, 32)).astype(np.uint8)
    stored = np.dstack([multiplied, np.maximum(alpha, 32)])
    yield "tiff_alpha_multiplied.tif", tiff_bytes(stored, 2, extra=[1]), divided, EXACT


def jpeg_group(photo):
    for name, data in {
        "progressive": saved(photo, "JPEG", quality=90, progressive=True),
        "cmyk": saved(photo.convert("CMYK"), "JPEG", quality=90),
        "gray": saved(photo.convert("L"), "JPEG", quality=90),
        "profile": saved(photo, "JPEG", quality=90, icc_profile=profile()),
    }.items():
        yield f"jpeg_{name}.jpg", data, rgb(data), 2  # Pillow may bring another build of libjpeg


def png_group(photo):
    mirrored = ImageOps.mirror(photo)
    for name, data in {
        "animated": saved(photo, "PNG", save_all=True, append_images=[mirrored, photo]),
        "profile": saved(photo, "PNG", icc_profile=profile()),
    }.items():
        yield f"png_{name}.png", data, np.asarray(photo), EXACT


GROUPS = {
    "jpeg": jpeg_group,
    "png": png_group,
    "webp": webp_group,
    "gif": gif_group,
    "bmp": bmp_group,
    "tiff": tiff_group,
}


def orientation(value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif.tobytes()


def profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def face_files(photo):
    """The photo's face in each format, for the test that finds the same face in all of them."""
    face = photo.crop(FACE)
    yield "face.webp", saved(face, "WEBP", quality=85)
    yield "face_progressive.jpg", saved(face, "JPEG", quality=90, progressive=True)
    yield "face_gray.jpg", saved(face.convert("L"), "JPEG", quality=90)
    yield "face_cmyk.jpg", saved(face.convert("CMYK"), "JPEG", quality=85)
    yield "face.gif", saved(face.quantize(128), "GIF")
    yield "face.bmp", saved(face.quantize(256), "BMP")
    yield "face_jpeg.tif", saved(face, "TIFF", compression="jpeg", quality=90)


def variants(photo, groups):
    for group in groups:
        yield from ((group, *variant) for variant in GROUPS[group](photo))


def compare(probe, groups, folder):
    photo = read_photo()
    failures = 0
    for group, name, data, expected, tolerance in variants(photo, groups):
        path = folder / name
        path.write_bytes(data)
        out = folder / "out.ppm"
        out.unlink(missing_ok=True)
        answer = json.loads(subprocess.run([probe, path, out], capture_output=True, text=True, check=False).stdout)
        if answer["error"]:
            verdict = f"FAILS: {answer['error']}"
        else:
            pixels = np.asarray(Image.open(out))
            if pixels.shape != expected.shape:
                verdict = f"FAILS: {pixels.shape} and not {expected.shape}"
            else:
                difference = int(np.abs(pixels.astype(int) - expected.astype(int)).max())
                verdict = f"{'ok' if difference <= tolerance else 'FAILS'}: differs by {difference} at most"
        failures += verdict.startswith("FAILS")
        print(f"{group:5} {name:32} {verdict}", *answer["warnings"], sep="  ")
    return failures


def write(groups):
    SMALL.mkdir(parents=True, exist_ok=True)
    photo = read_photo()
    rows = [row for row in (json.loads(GOLDENS.read_text()) if GOLDENS.exists() else []) if row["group"] not in groups]
    for group, name, data, expected, tolerance in variants(photo.crop(EYES), groups):
        (SMALL / name).write_bytes(data)
        row = {"group": group, "name": name, "width": expected.shape[1], "height": expected.shape[0]}
        if tolerance == EXACT:
            row["sha256"] = hashlib.sha256(np.ascontiguousarray(expected).tobytes()).hexdigest()
        else:
            row["tolerance"] = tolerance
            row["pixels"] = name + ".png"
            Image.fromarray(expected).save(SMALL / row["pixels"])
        rows.append(row)
    for name, data in face_files(photo):
        (SMALL / name).write_bytes(data)
    GOLDENS.write_text(json.dumps(sorted(rows, key=lambda row: row["name"]), indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default=",".join(GROUPS))
    parser.add_argument("--probe", default=ROOT / "build/dev/decode_probe")
    arguments = parser.parse_args()
    groups = arguments.only.split(",")
    if arguments.write:
        write(groups)
        return
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(1 if compare(arguments.probe, groups, pathlib.Path(folder)) else 0)


if __name__ == "__main__":
    main()
