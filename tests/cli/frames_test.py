"""Animations whose first frames show nothing, and samples of 16 bits that hold fewer."""

import json
import struct
import zlib

import pytest
from image_bytes import SIGNATURE, chunk, header, saved

Image = pytest.importorskip("PIL.Image", reason="no Pillow: install python3-pil")
numpy = pytest.importorskip("numpy", reason="no numpy: install python3-numpy")


@pytest.fixture
def face(photos):
    return Image.open(photos / "astronaut.png").convert("RGB").crop((100, 0, 340, 240))


def frames_of(png):
    """The pixels' chunks of a PNG, joined."""
    data, at = b"", 8
    while at < len(png):
        size = struct.unpack(">I", png[at : at + 4])[0]
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += 12 + size
    return data


def apng(pictures, *, still_is_first=True):
    """Frames, each with its place on the canvas of the first."""
    out = saved(pictures[0][0], "PNG")
    head, number = out[:33], 0
    body = chunk(b"acTL", struct.pack(">II", len(pictures) - (0 if still_is_first else 1), 0))
    for index, (picture, place) in enumerate(pictures):
        data = frames_of(saved(picture, "PNG"))
        if index > 0 or still_is_first:
            body += chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, *picture.size, *place, 1, 10, 0, 0))
            number += 1
        if index == 0:
            body += chunk(b"IDAT", data)
        else:
            body += chunk(b"fdAT", struct.pack(">I", number) + data)
            number += 1
    return head + body + chunk(b"IEND", b"")


def animation(kind, frames):
    if kind == "png":
        return apng([(frame, (0, 0)) for frame in frames])
    options = {"lossless": True} if kind == "webp" else {}
    first = frames[0].quantize(2) if kind == "gif" else frames[0]
    rest = [frame.quantize(128) if kind == "gif" else frame for frame in frames[1:]]
    return saved(first, kind.upper(), save_all=True, append_images=rest, duration=100, **options)


def look(mien, name, data):
    (mien.folder / name).write_bytes(data)
    kind = name.rsplit(".")[-1]
    if any(line.startswith(f"missing:  {kind}:") for line in mien("version").stdout.splitlines()):
        pytest.skip(f"this build reads no {kind}")
    return json.loads(mien("faces", "--json", name).stdout)


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (30, 90, 160)])
def test_the_first_frame_that_shows_something_is_used(mien, face, kind, colour):
    blank = Image.new("RGB", face.size, colour)
    near = Image.new("RGB", face.size, tuple(value + 6 if value < 200 else value - 6 for value in colour))
    once = look(mien, f"once.{kind}", animation(kind, [blank, face]))
    assert len(once["faces"]) == 1
    assert once["warnings"] == ["animation: the first frame shows nothing; frame 2 was used"]
    fading = look(mien, f"fading.{kind}", animation(kind, [blank, near, face, blank]))
    assert len(fading["faces"]) == 1
    assert fading["warnings"] == ["animation: the first 2 frames show nothing; frame 3 was used"]


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_others_keep_their_first_frame(mien, face, kind):
    blank = Image.new("RGB", face.size, (0, 0, 0))
    first = look(mien, f"first.{kind}", animation(kind, [face, blank]))
    assert len(first["faces"]) == 1 and first["warnings"] == []
    never = look(mien, f"never.{kind}", animation(kind, [blank, Image.new("RGB", face.size, (12, 12, 12))]))
    assert never["faces"] == []
    assert never["warnings"] == ["animation: none of the 2 frames that were looked at shows anything"]
    alone = look(mien, f"alone.{kind}", saved(blank, kind.upper()))
    assert alone["faces"] == [] and alone["warnings"] == []


def test_a_frame_on_a_part_of_the_canvas(mien, face):
    canvas = Image.new("RGB", (400, 300), (255, 255, 255))
    still = look(mien, "part.png", apng([(canvas, (0, 0)), (face, (120, 40))], still_is_first=False))
    box = still["faces"][0]["bbox"]
    assert box[0] > 120 and box[1] > 40
    assert look(mien, "outside.png", apng([(canvas, (0, 0)), (face, (300, 40))]))["faces"] == []


def test_a_later_frame_without_pixels(mien, face):
    """Found by a fuzzer: its height is 0."""
    data = bytearray(animation("gif", [Image.new("RGB", face.size), face]))
    place = data.rindex(b",\0\0\0\0" + struct.pack("<HH", *face.size))
    data[place + 7 : place + 9] = b"\0\0"
    assert look(mien, "empty.gif", bytes(data))["width"] == face.size[0]


def gray_png(values, significant=None):
    """16 bits a sample."""
    height, width = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    before = b"" if significant is None else chunk(b"sBIT", bytes([significant]))
    return (SIGNATURE + header(width, height, 16, 0) + before
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


@pytest.mark.parametrize("bits", [10, 12])
def test_few_bits_in_16(mien, face, bits):
    values = numpy.asarray(face.convert("L")).astype(numpy.uint16) << (bits - 8)
    silent = look(mien, "silent.png", gray_png(values))
    assert len(silent["warnings"]) == 1 and silent["warnings"][0].startswith("dark: all samples of 16 bits lie in")
    stated = look(mien, "stated.png", gray_png(values, bits))
    assert len(stated["faces"]) == 1 and stated["warnings"] == []
    eight = look(mien, "eight.png", saved(face.convert("L"), "PNG"))
    assert stated["faces"] == eight["faces"]
    scaled = look(mien, "scaled.png", gray_png(values << (16 - bits), bits))
    assert scaled["faces"] == eight["faces"] and scaled["warnings"] == []


def test_few_bits_in_16_of_a_tiff(mien, face):
    values = numpy.asarray(face.convert("L")).astype(numpy.uint16)
    few = look(mien, "few.tiff", saved(Image.fromarray(values << 4), "TIFF"))
    assert len(few["warnings"]) == 1 and few["warnings"][0].startswith("dark: ")
    full = look(mien, "full.tiff", saved(Image.fromarray(values << 8), "TIFF"))
    assert len(full["faces"]) == 1 and full["warnings"] == []
