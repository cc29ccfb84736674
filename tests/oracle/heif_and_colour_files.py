"""Makes small files: HEIC and AVIF in tests/data/images/heif, with colour profiles in tests/data/images/colour,
and what they must decode to (goldens.json beside them).

The picture is a part of a NASA portrait (.deps/photos/astronaut.png, public domain). The expected values come from
pillow-heif (HEIC), Pillow (AVIF) and Pillow's ImageCms (profiles), as the mean colours of 8 x 8 parts of the image:
decoders differ in how they enlarge chroma, and these means do not.

    python tests/oracle/heif_and_colour_files.py          check that the committed goldens still hold
    python tests/oracle/heif_and_colour_files.py --write  make files and goldens anew (needs avifenc of libavif-bin)

Needs numpy, Pillow >= 11.3 and pillow-heif.
"""

import argparse
import io
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageOps

import icc_profiles as icc

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = ROOT / "tests/data/images"
PHOTO = ROOT / ".deps/photos/astronaut.png"
PARTS = 8
FACE = (110, 30, 350, 270)
SMALL = (160, 60, 288, 156)  # 128 x 96

pillow_heif.register_heif_opener()


def photo(box):
    part = Image.open(PHOTO).convert("RGB").crop(box)
    part.info.clear()  # its profile is larger than what it will be stored in
    return part


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def heic(image, quality=50, tile=0, **options):
    pillow_heif.options.GRID_TILE_SIZE = tile
    out = io.BytesIO()
    image.save(out, "HEIF", quality=quality, **options)
    pillow_heif.options.GRID_TILE_SIZE = 0
    return out.getvalue()


def heic_deep(bits):
    pixels = np.asarray(photo(SMALL)).astype(np.uint16)
    pixels = (pixels * 257).astype("<u2")
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    file = pillow_heif.from_bytes("RGB;16", (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
    out = io.BytesIO()
    file.save(out, quality=50)
    return out.getvalue()


def heic_second_is_primary():
    file = pillow_heif.HeifFile()
    file.add_from_pillow(Image.new("RGB", (64, 48), (200, 30, 30)))
    file.add_from_pillow(photo(SMALL))
    out = io.BytesIO()
    file.save(out, quality=50, primary_index=1)
    return out.getvalue()


def avif(images, *arguments, quality=34):
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, image in enumerate(images):
            names.append(f"{folder}/{number}.png")
            image.save(names[-1])
        (pathlib.Path(folder) / "p3.icc").write_bytes(icc.rgb("Display P3", icc.DISPLAY_P3))
        arguments = [a.replace("P3", f"{folder}/p3.icc") for a in arguments]
        command = ["avifenc", "--min", str(quality), "--max", str(quality), "-s", "2", *arguments, *names,
                   f"{folder}/out.avif"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return (pathlib.Path(folder) / "out.avif").read_bytes()


def make_heif():
    small, face = photo(SMALL), photo(FACE)
    clear = small.copy()
    clear.putalpha(Image.linear_gradient("L").resize(small.size))
    p3 = icc.rgb("Display P3", icc.DISPLAY_P3)
    quarter = [small.crop((x, y, x + 64, y + 64)) for y in (0, 32) for x in (0, 64)]
    return {
        "face.heic": heic(face, 40),
        "face.avif": avif([face], "-y", "420", quality=38),
        "heic_444.heic": heic(small, chroma=444),
        "heic_gray.heic": heic(small.convert("L")),
        "heic_alpha.heic": heic(clear),
        "heic_10bit.heic": heic_deep(10),
        "heic_12bit.heic": heic_deep(12),
        "heic_grid.heic": heic(small, tile=64),
        "heic_orientation_6.heic": heic(small, exif=exif(6)),
        "heic_orientation_7.heic": heic(small, exif=exif(7)),
        "heic_second_is_primary.heic": heic_second_is_primary(),
        "heic_p3_icc.heic": heic(small, icc_profile=p3),
        "heic_p3_nclx.heic": heic(small, color_primaries=12, transfer_characteristics=13, matrix_coefficients=6),
        "avif_10bit.avif": avif([small], "-d", "10", "-y", "420"),
        "avif_12bit.avif": avif([small], "-d", "12", "-y", "422"),
        "avif_444.avif": avif([small], "-y", "444"),
        "avif_gray.avif": avif([small.convert("L")], "-y", "400"),
        "avif_alpha.avif": avif([clear], "-y", "420", "--minalpha", "40", "--maxalpha", "40"),
        "avif_grid.avif": avif(quarter, "-g", "2x2", "-y", "420"),
        "avif_irot.avif": avif([small], "-y", "420", "--irot", "1"),
        "avif_imir.avif": avif([small], "-y", "420", "--imir", "1"),
        "avif_crop.avif": avif([small], "-y", "420", "--crop", "32,16,64,64"),
        "avif_sequence.avif": avif([small, small.rotate(180), small], "-y", "420"),
        "avif_p3_icc.avif": avif([small], "-y", "420", "--icc", "P3"),
        "avif_p3_nclx.avif": avif([small], "-y", "420", "--cicp", "12/13/6"),
        "avif_pq.avif": avif([small], "-y", "420", "-d", "10", "--cicp", "9/16/9"),
    }


def jpeg(image, profile=None, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=60, icc_profile=profile, **options)
    return out.getvalue()


def png(image, *chunks):
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    data = out.getvalue()
    more = b""
    for name, body in chunks:
        more += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data[:33] + more + data[33:]


def with_profile(image, profile):
    return png(image, (b"iCCP", b"profile\0\0" + zlib.compress(profile)))


def make_colour():
    small = photo(SMALL).resize((64, 48))
    p3 = icc.rgb("Display P3", icc.DISPLAY_P3)
    milli = lambda *values: b"".join(struct.pack(">I", round(v * 100000)) for v in values)
    chromaticities = lambda primaries: milli(*icc.D65, *primaries[0], *primaries[1], *primaries[2])
    return {
        "jpeg_p3.jpg": jpeg(small, p3),
        "jpeg_p3_progressive.jpg": jpeg(small, p3, progressive=True),
        "jpeg_adobe_rgb.jpg": jpeg(small, icc.rgb("Adobe RGB (1998)", icc.ADOBE_RGB, icc.gamma_curve(2.19921875))),
        "jpeg_bt2020.jpg": jpeg(small, icc.rgb("BT.2020", icc.BT2020)),
        "jpeg_srgb_by_numbers.jpg": jpeg(small, icc.rgb("c2", icc.SRGB)),
        "jpeg_gray_gamma18.jpg": jpeg(small.convert("L"), icc.gray("Gray Gamma 1.8", 1.8)),
        "jpeg_rgb_with_gray_profile.jpg": jpeg(small, icc.gray("Gray Gamma 1.8", 1.8)),
        "jpeg_rgb_with_cmyk_profile.jpg": jpeg(small, icc.cmyk("Test Press")),
        "jpeg_cmyk_profile.jpg": jpeg(small.convert("CMYK"), icc.cmyk("Test Press")),
        "png_p3.png": with_profile(small, p3),
        "png_srgb_by_numbers.png": with_profile(small, icc.rgb("c2", icc.SRGB)),
        "png_broken_profile.png": with_profile(small, p3[:100]),
        "png_p3_chrm.png": png(small, (b"gAMA", milli(1 / 2.2)), (b"cHRM", chromaticities(icc.DISPLAY_P3))),
        "png_srgb_chrm.png": png(small, (b"gAMA", milli(1 / 2.2)), (b"cHRM", chromaticities(icc.SRGB))),
        "png_p3_cicp.png": png(small, (b"cICP", bytes([12, 13, 0, 1]))),
        "png_pq_cicp.png": png(small, (b"cICP", bytes([9, 16, 0, 1]))),
    }


# Pillow does not know these ways of stating Display P3, so that the golden converts with the profile instead.
STATED_IN_NUMBERS = {"heic_p3_nclx.heic", "avif_p3_nclx.avif", "png_p3_chrm.png", "png_p3_cicp.png"}
# One warning each, that begins so.
WARNINGS = {
    "jpeg_rgb_with_gray_profile.jpg": "colour profile 'Gray Gamma 1.8' not applied: it is for gray, the pixels are RGB",
    "jpeg_rgb_with_cmyk_profile.jpg": "colour profile 'Test Press' not applied: it is for CMYK, the pixels are RGB",
    "png_broken_profile.png": "colour profile not applied: ",
    "png_pq_cicp.png": "colours not converted: cICP states HDR brightness (PQ)",
    "avif_pq.avif": "colours not converted: nclx states HDR brightness (PQ)",
}


def means(image):
    pixels = np.asarray(image).astype(np.float64)
    rows = np.array_split(pixels, PARTS, axis=0)
    return [[round(float(v), 1) for v in part.mean(axis=(0, 1))]
            for row in rows for part in np.array_split(row, PARTS, axis=1)]


def decode(name, data):
    """RGB as every decoder gives it, and in sRGB."""
    image = Image.open(io.BytesIO(data))
    profile = image.info.get("icc_profile")
    if name in STATED_IN_NUMBERS:
        profile = icc.rgb("Display P3", icc.DISPLAY_P3)
    image.load()
    if name.endswith(".avif"):
        # Pillow states irot and imir as an orientation and leaves clap alone; libheif obeys all three.
        image = ImageOps.exif_transpose(image)
        image = image.crop((32, 16, 96, 80)) if name == "avif_crop.avif" else image
    stored = image.convert("RGB")
    converted = stored
    if profile and name not in WARNINGS:
        srgb = ImageCms.createProfile("sRGB")
        source = image if image.mode in ("L", "RGB", "CMYK") else stored
        converted = ImageCms.profileToProfile(source, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb,
                                              outputMode="RGB")
    return stored, converted


def golden(name, data):
    stored, converted = decode(name, data)
    row = {"name": name, "width": stored.width, "height": stored.height, "means": means(converted)}
    if name in WARNINGS:
        row["warning"] = WARNINGS[name]
    if stored.tobytes() != converted.tobytes():
        row["moved"] = int(np.abs(np.asarray(stored).astype(int) - np.asarray(converted)).max())
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    for folder, make in (("heif", make_heif), ("colour", make_colour)):
        path = IMAGES / folder
        if write:
            path.mkdir(parents=True, exist_ok=True)
            for name, data in make().items():
                (path / name).write_bytes(data)
        files = sorted(p for p in path.iterdir() if p.suffix in (".heic", ".avif", ".jpg", ".png"))
        rows = [golden(p.name, p.read_bytes()) for p in files]
        if write:
            (path / "goldens.json").write_text(json.dumps(rows) + "\n")
        elif rows != json.loads((path / "goldens.json").read_text()):
            sys.exit(f"{folder}: the goldens in the tree are not what Pillow says today")
        print(f"{folder}: {len(rows)} files, {sum(p.stat().st_size for p in files)} bytes")


if __name__ == "__main__":
    main()
