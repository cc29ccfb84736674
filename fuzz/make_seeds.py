#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets: small files of every kind and variant, all from a synthetic picture.

    fuzz/make_seeds.py [FOLDER]     needs Pillow, pillow-heif and onnx; FOLDER is fuzz/corpus
"""

import io
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import onnx
import pillow_heif
from onnx import TensorProto, helper
from PIL import Image, ImageCms
from xmp_seeds import xmp_changes

from request_seeds import ENTRIES, FIELDS, HTTP_HEADS, MULTIPARTS

WIDTH, HEIGHT = 24, 18


def picture(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 10 % 256, y * 14 % 256, (x * y) % 256], axis=2).astype(np.uint8), "RGB")


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif_block(little: bool, kind: int, value: int, count: int = 1) -> bytes:
    order = "<" if little else ">"
    packed = struct.pack(order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,)))
    head = (b"II*\0" if little else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "HHHI", 1, 0x112, kind, count) + packed + struct.pack(order + "I", 0)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def xmp(value: int, more: str = "") -> bytes:
    return (f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            f'<r:Description xmlns:t="http://ns.adobe.com/tiff/1.0/" t:Orientation="{value}" {more}/></r:RDF>'
            f"</x:xmpmeta>").encode()


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def jpegs() -> dict[str, bytes]:
    rgb = picture()
    return {
        "baseline.jpg": encoded(rgb, "JPEG", quality=50),
        "444.jpg": encoded(rgb, "JPEG", quality=50, subsampling=0),
        "progressive.jpg": encoded(rgb, "JPEG", quality=50, progressive=True),
        "gray.jpg": encoded(rgb.convert("L"), "JPEG", quality=50),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG", quality=50),
        "restart.jpg": encoded(rgb, "JPEG", quality=50, restart_marker_blocks=1),
        "exif.jpg": encoded(rgb, "JPEG", quality=50, exif=b"Exif\0\0" + exif_block(True, 3, 6)),
        "profile.jpg": encoded(rgb, "JPEG", quality=50, icc_profile=profile()),
    }


def pngs() -> dict[str, bytes]:
    rgb = picture()
    deep = Image.fromarray((np.arange(WIDTH * HEIGHT, dtype=np.uint16) * 150).reshape(HEIGHT, WIDTH))
    return {
        "rgb.png": encoded(rgb, "PNG"),
        "rgba.png": encoded(rgb.convert("RGBA"), "PNG"),
        "gray.png": encoded(rgb.convert("L"), "PNG"),
        "gray16.png": encoded(deep, "PNG"),
        "one_bit.png": encoded(rgb.convert("1"), "PNG"),
        "palette.png": encoded(rgb.quantize(16), "PNG", bits=4),
        "transparent.png": encoded(rgb.quantize(16), "PNG", transparency=3),
        "exif.png": encoded(rgb, "PNG", exif=exif_block(False, 3, 8)),
        "profile.png": encoded(rgb, "PNG", icc_profile=profile()),
        "adam7.png": adam7(),
        "texts.png": with_texts(encoded(rgb, "PNG")),
        "bits.png": with_chunk(encoded(deep.point(lambda value: value * (1 / 64)), "PNG"), chunk(b"sBIT", b"\x0a")),
        "blank_first.png": animated_png(),
    }


def with_chunk(png: bytes, added: bytes) -> bytes:
    return png[:33] + added + png[33:]


def with_texts(png: bytes) -> bytes:
    block = exif_block(True, 3, 6)
    raw = b"\nexif\n%8d\n" % len(block) + block.hex().encode() + b"\n"
    return with_chunk(png, chunk(b"tEXt", b"Raw profile type exif\0" + raw) +
                      chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(raw)) +
                      chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp(3))))


def animated_png() -> bytes:
    rows = [zlib.compress(b"".join(b"\0" + bytes([level * x % 256 for x in range(24)]) for _ in range(8)))
            for level in (0, 9)]
    control = struct.pack(">IIIIHHBB", 8, 8, 0, 0, 1, 10, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) +
            chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", struct.pack(">I", 0) + control) +
            chunk(b"IDAT", rows[0]) + chunk(b"fcTL", struct.pack(">I", 1) + control) +
            chunk(b"fdAT", struct.pack(">I", 2) + rows[1]) + chunk(b"IEND", b""))


def adam7() -> bytes:
    """A gray image of 8x8 with interlacing, which Pillow does not write."""
    passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]
    raw = b"".join((b"\0" + bytes(range(i, i + width))) * height for i, (width, height) in enumerate(passes))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1)) +
            chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def webps() -> dict[str, bytes]:
    rgb = picture()
    frames = {"save_all": True, "append_images": [rgb.rotate(90, expand=False)], "duration": 100}
    return {
        "lossy.webp": encoded(rgb, "WEBP", quality=40),
        "lossless.webp": encoded(rgb, "WEBP", lossless=True),
        "alpha.webp": encoded(rgb.convert("RGBA").rotate(20), "WEBP", quality=40),
        "animated.webp": encoded(rgb, "WEBP", quality=40, **frames),
        "exif.webp": encoded(rgb, "WEBP", quality=40, exif=b"Exif\0\0" + exif_block(True, 3, 6)),
        "profile.webp": encoded(rgb, "WEBP", quality=40, icc_profile=profile()),
        "xmp.webp": encoded(rgb, "WEBP", quality=40, xmp=xmp(6)),
        "blank_first.webp": encoded(Image.new("RGB", rgb.size), "WEBP", save_all=True, append_images=[rgb], quality=40),
    }


def gifs() -> dict[str, bytes]:
    indexed = picture().quantize(16)
    frames = {"save_all": True, "append_images": [indexed.transpose(Image.Transpose.FLIP_LEFT_RIGHT)], "duration": 50}
    return {
        "plain.gif": encoded(indexed, "GIF"),
        "animated.gif": encoded(indexed, "GIF", **frames),
        "interlaced.gif": encoded(indexed, "GIF", interlace=1),
        "transparent.gif": encoded(indexed, "GIF", transparency=2),
        "comment.gif": encoded(indexed, "GIF", comment=b"a comment"),
        "blank_first.gif": encoded(indexed.point(lambda _: 0), "GIF", save_all=True, append_images=[indexed]),
        "xmp.gif": with_gif_xmp(encoded(indexed, "GIF")),
    }


def with_gif_xmp(gif: bytes) -> bytes:
    at = gif.index(b",")
    return gif[:at] + b"!\xff\x0bXMP DataXMP" + xmp(8) + b"\1" + bytes(range(255, -1, -1)) + b"\0" + gif[at:]


def bmps() -> dict[str, bytes]:
    rgb = picture()
    return {
        "rgb24.bmp": encoded(rgb, "BMP"),
        "palette8.bmp": encoded(rgb.resize((9, 7)).quantize(16), "BMP"),
        "one_bit.bmp": encoded(rgb.convert("1"), "BMP"),
        "rgba32.bmp": encoded(rgb.resize((9, 7)).convert("RGBA"), "BMP"),
        "rle8.bmp": rle_bmp(1, 8, bytes([4, 2, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 2, 5, 0, 2, 1, 1, 1, 3, 0, 1])),
        "rle4.bmp": rle_bmp(2, 4, bytes([4, 0x12, 0, 0, 0, 4, 0x12, 0x34, 0, 0, 3, 0x55, 0, 1])),
        "fields16.bmp": fields_bmp(),
    }


def bmp_header(size: int, bits: int, compression: int, colours: int, extra: int) -> bytes:
    offset = 14 + 40 + colours * 4 + extra
    info = struct.pack("<IiiHHIIiiII", 40, 6, 4, 1, bits, compression, size, 2835, 2835, colours, 0)
    return b"BM" + struct.pack("<IHHI", offset + size, 0, 0, offset) + info


def rle_bmp(compression: int, bits: int, data: bytes) -> bytes:
    colours = bytes(v for i in range(16) for v in (i * 16, 255 - i * 16, i * 8, 0))
    return bmp_header(len(data), bits, compression, 16, 0) + colours + data


def fields_bmp() -> bytes:
    data = b"".join(struct.pack("<6H", *((x * 5000 + y * 300) % 65536 for x in range(6))) for y in range(4))
    return bmp_header(len(data), 16, 3, 0, 12) + struct.pack("<III", 0xF800, 0x07E0, 0x001F) + data


def tiffs() -> dict[str, bytes]:
    rgb = picture()
    small = rgb.resize((9, 7))
    files = {
        "rgb.tif": encoded(small, "TIFF"),
        "gray.tif": encoded(small.convert("L"), "TIFF"),
        "palette.tif": encoded(small.quantize(8), "TIFF"),
        "one_bit.tif": encoded(small.convert("1"), "TIFF"),
        "cmyk.tif": encoded(small.convert("CMYK"), "TIFF"),
        "two_pages.tif": encoded(small, "TIFF", save_all=True, append_images=[small.rotate(180)]),
        "turned.tif": encoded(small, "TIFF", tiffinfo={274: 6}),
    }
    for name in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        files[f"{name}.tif"] = encoded(small, "TIFF", compression=name)
    for name in ("group3", "group4"):
        files[f"{name}.tif"] = encoded(small.convert("1"), "TIFF", compression=name)
    return files


def heifs(kind: str) -> dict[str, bytes]:
    rgb = picture(64, 64)
    extension = "heic" if kind == "HEIF" else "avif"
    two = pillow_heif.HeifFile()
    two.add_from_pillow(rgb)
    two.add_from_pillow(rgb.rotate(90))
    buffer = io.BytesIO()
    two.save(buffer, quality=20)
    files = {
        f"plain.{extension}": encoded(rgb, kind, quality=20),
        f"gray.{extension}": encoded(rgb.convert("L"), kind, quality=20),
        f"alpha.{extension}": encoded(rgb.convert("RGBA").rotate(30), kind, quality=20),
        f"exif.{extension}": encoded(rgb, kind, quality=20, exif=b"Exif\0\0" + exif_block(True, 3, 6)),
    }
    if kind == "HEIF":
        files["two.heic"] = buffer.getvalue()
    return files


def dng(little: bool, orientation: int) -> bytes:
    """A DNG of 16x16 raw values with an embedded JPEG preview, as cameras and converters write them."""
    order = "<" if little else ">"
    preview = encoded(picture(32, 32), "JPEG", quality=40)
    raw = bytes((i * 7) % 256 for i in range(16 * 16 * 2))

    def directory(at: int, entries: list[tuple[int, int, int, bytes]], following: int) -> bytes:
        body, extra = b"", b""
        extra_at = at + 2 + 12 * len(entries) + 4
        for tag, kind, count, value in sorted(entries):
            if len(value) > 4:
                body += struct.pack(order + "HHII", tag, kind, count, extra_at + len(extra))
                extra += value + b"\0" * (len(value) % 2)
            else:
                body += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
        return struct.pack(order + "H", len(entries)) + body + struct.pack(order + "I", following) + extra

    def short(*values: int) -> bytes:
        return struct.pack(order + f"{len(values)}H", *values)

    def long(value: int) -> bytes:
        return struct.pack(order + "I", value)

    def layout(first: int, second: int, raw_at: int, preview_at: int) -> tuple[bytes, bytes]:
        main = directory(first, [
            (254, 4, 1, long(1)), (256, 3, 1, short(32)), (257, 3, 1, short(32)), (258, 3, 3, short(8, 8, 8)),
            (259, 3, 1, short(7)), (262, 3, 1, short(6)), (271, 2, 6, b"Maker\0"), (272, 2, 6, b"Model\0"),
            (273, 4, 1, long(preview_at)), (274, 3, 1, short(orientation)), (277, 3, 1, short(3)),
            (278, 3, 1, short(32)), (279, 4, 1, long(len(preview))), (330, 4, 1, long(second)),
            (50706, 1, 4, b"\1\4\0\0"), (50708, 2, 6, b"Model\0")], 0)
        sub = directory(second, [
            (254, 4, 1, long(0)), (256, 3, 1, short(16)), (257, 3, 1, short(16)), (258, 3, 1, short(16)),
            (259, 3, 1, short(1)), (262, 3, 1, short(32803)), (273, 4, 1, long(raw_at)), (277, 3, 1, short(1)),
            (278, 3, 1, short(16)), (279, 4, 1, long(len(raw))), (33421, 3, 2, short(2, 2)),
            (33422, 1, 4, b"\0\1\1\2")], 0)
        return main, sub

    main, sub = layout(8, 0, 0, 0)
    second = 8 + len(main)
    raw_at = second + len(sub)
    main, sub = layout(8, second, raw_at, raw_at + len(raw))
    return (b"II*\0" if little else b"MM\0*") + long(8) + main + sub + raw + preview


def exifs() -> dict[str, bytes]:
    return {
        "little_short": exif_block(True, 3, 6),
        "big_short": exif_block(False, 3, 8),
        "big_long": exif_block(False, 4, 3),
        "prefixed": b"Exif\0\0" + exif_block(True, 3, 2),
        "pillow": Image.Exif.tobytes(full_exif()),
    }


def xmps() -> dict[str, bytes]:
    """The first byte says what the rest is to the target: 0 a packet, 1 segments of a JPEG."""
    name = b"0123456789ABCDEF0123456789ABCDEF"
    main = xmp(0, f'xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="{name.decode()}"')
    rest = xmp(6)

    def part(begin: int, end: int) -> bytes:
        return b"http://ns.adobe.com/xmp/extension/\0" + name + struct.pack(">II", len(rest), begin) + rest[begin:end]

    segments = (b"Exif\0\0" + exif_block(True, 3, 0), b"http://ns.adobe.com/xap/1.0/\0" + main,
                part(100, len(rest)), part(0, 100))
    element = (b"<R xmlns='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:t='http://ns.adobe.com/tiff/1.0/'>"
               b"<Description><t:Orientation parseType='Resource'><value> 7 </value></t:Orientation></Description></R>")
    return {"attribute.xmp": b"\0" + xmp(6), "element.xmp": b"\0" + element.replace(b"<R ", b"<RDF ").replace(
                b"</R>", b"</RDF>"),
            "utf16.xmp": b"\0" + xmp(5).decode().encode("utf-16"),
            "doctype.xmp": b"\0<!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
            "segments": b"\1" + b"".join(struct.pack(">H", len(one)) + one for one in segments)}


def icc_of(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2 for a screen or, of CMYK, a printer."""
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    table, body = struct.pack(">I", len(tags)), b""
    at = 128 + 4 + 12 * len(tags)
    for signature, data in tags.items():
        table += struct.pack(">4sII", signature, at + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    pcs = b"Lab " if space == b"CMYK" else b"XYZ "
    white = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    head = struct.pack(">I4sI4s4s4s12s4s28s12s48s", at + len(body), b"test", 0x02400000, kind, space, pcs, b"", b"acsp",
                       b"", white, b"")
    return head + table + body


def description(text: bytes) -> bytes:
    return struct.pack(">4sII", b"desc", 0, len(text) + 1) + text + b"\0" * 79


def iccs() -> dict[str, bytes]:
    """The first byte says what the rest is to the target: 0 RGB, 2 inks, 3 segments of a JPEG."""
    gamma = struct.pack(">4sIIH", b"curv", 0, 1, 0x0233)
    white = struct.pack(">4sI3i", b"XYZ ", 0, 0xF6D6, 0x10000, 0xD32D)
    gray = icc_of(b"GRAY", {b"desc": description(b"Gray"), b"wtpt": white, b"kTRC": gamma})
    ramp = bytes(range(256))
    corners = bytes((i * 5) % 256 for i in range(3 * 2 ** 4))
    matrix = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x10000)
    table = struct.pack(">4sIBBBB", b"mft1", 0, 4, 3, 2, 0) + matrix + ramp * 4 + corners + ramp * 3
    inks = icc_of(b"CMYK", {b"desc": description(b"Inks"), b"wtpt": white, b"A2B0": table})
    screen = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    primaries = {name: struct.pack(">4sI3i", b"XYZ ", 0, *values) for name, values in (
        (b"rXYZ", (0x9C18, 0x4FA5, 0x04FC)), (b"gXYZ", (0x348D, 0xA02C, 0x0F95)), (b"bXYZ", (0x2631, 0x102F, 0xBE9C)))}
    curves = {name: gamma for name in (b"rTRC", b"gTRC", b"bTRC")}
    wide = icc_of(b"RGB ", {b"desc": description(b"Wide"), b"wtpt": white, **primaries, **curves})

    def segment(number: int, count: int, part: bytes) -> bytes:
        payload = b"ICC_PROFILE\0" + bytes([number, count]) + part
        return bytes([len(payload)]) + payload

    return {"srgb.icc": b"\0" + profile(), "lab.icc": b"\0" + screen, "gray.icc": b"\0" + gray,
            "wide.icc": b"\0" + wide, "inks.icc": b"\2" + inks,
            "segments": b"\3" + segment(2, 2, gray[200:400]) + segment(1, 2, gray[:200]) + segment(0, 0, b"")}


def calls() -> dict[str, bytes]:
    """Calls of the C interface, as fuzz/targets/capi.cpp takes them apart."""
    jpeg = encoded(picture(), "JPEG", quality=50)
    png = encoded(picture(70, 66).convert("L"), "PNG")
    options = bytes([1, 1, 1, 1, 1, 1, 0])
    whole = b"\0"  # a struct of the size that is known
    box = struct.pack("<4f", 2, 3, 15, 16)

    def pixels(kind: int, own_plane: bytes = b"") -> bytes:
        return bytes([1, 64, 48, kind, 0, 0, 0, 1]) + whole + own_plane + bytes([3, 120, 90, 30, 1])

    def text(value: bytes) -> bytes:
        return bytes([len(value)]) + value

    rgb_call = b"\1" + options + whole + pixels(0)
    nv12_call = b"\1" + options + whole + pixels(5, b"\1")
    batch = b"".join(struct.pack("<H", len(part)) + part for part in (jpeg, b"text"))
    setting = text(b"GPU_BATCH_SIZE") + text(b"16")
    return {
        "analyze": b"\0" + options + whole + jpeg, "analyze_turned": b"\0" + bytes([1, 1, 1, 1, 0, 0, 0]) + whole + png,
        "pixels": rgb_call, "nv12": nv12_call, "batch": b"\2" + options + whole + batch + struct.pack("<H", 0) + png,
        "assess": b"\3" + whole + jpeg, "assess_pixels": b"\4" + whole + box + b"\1" + pixels(3),
        "enhance": b"\5" + jpeg, "crop": b"\6" + box + b"\0" + jpeg, "thumbnail": b"\7" + bytes([1, 9, 9]) + jpeg,
        "hash": b"\x08" + png,
        "engine": b"\x09" + setting + b"\1" + bytes([2]) + struct.pack("<f", 0.5) + b"\1" + whole,
        "scan": b"\x0a" + options + text(b"") + bytes([0, 1, 1]) + struct.pack("<f", 0.4) + b"\2" + jpeg,
        "resume": b"\x0a" + options + text(record()[:255]) + bytes([1, 0, 2]) + struct.pack("<f", 0.4) + b"\2" + jpeg,
    }


def full_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 5
    exif[271] = "A maker of cameras"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    return exif


def models() -> dict[str, bytes]:
    def model(nodes, inputs, outputs, constants=()):
        graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)]).SerializeToString()

    def tensor(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    target = helper.make_tensor("target", TensorProto.INT64, [3], [1, -1, 10])
    flat = helper.make_tensor("flat", TensorProto.INT64, [2], struct.pack("<2q", 1, -1), raw=True)
    sizes = helper.make_tensor("sizes", TensorProto.INT64, [4], [1, 8, 16, 16])
    mean = helper.make_tensor("mean", TensorProto.FLOAT, [1], [127.5])
    reshape = model([helper.make_node("Reshape", ["image", "target"], ["out"])],
                    [tensor("image", [1, 3, 8, 8])], [tensor("out", [1, None, 10])], [target])
    constant = model([helper.make_node("Constant", [], ["t"], value=flat),
                      helper.make_node("Reshape", ["image", "t"], ["out"], name="Reshape_1")],
                     [tensor("image", ["N", 3, 8, 8])], [tensor("out", ["N", 192])])
    resize_graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["c"], kernel_shape=[1, 1]),
         helper.make_node("Resize", ["c", "", "", "sizes"], ["out"], mode="nearest")], "g",
        [tensor("image", [1, 3, 8, 8])], [tensor("out", [1, 8, 16, 16])],
        [helper.make_tensor("w", TensorProto.FLOAT, [8, 3, 1, 1], [0.5] * 24), sizes],
        value_info=[tensor("c", [1, 8, 8, 8])])
    resize = helper.make_model(resize_graph, opset_imports=[helper.make_opsetid("", 11)]).SerializeToString()
    normalise = model([helper.make_node("Sub", ["image", "mean"], ["a"], name="Sub_0"),
                       helper.make_node("Mul", ["a", "mean"], ["out"], name="_mul0")],
                      [tensor("image", [1, 3, 112, 112])], [tensor("out", [1, 3, 112, 112])], [mean])
    return {"reshape.onnx": reshape, "constant.onnx": constant, "resize.onnx": resize, "normalise.onnx": normalise,
            "heads.onnx": scrfd_heads(), "windows.onnx": windows()}


def windows() -> bytes:
    """What reads neighbours and what changes strides, of a free size; a Resize to the computed size of another map."""
    def weights(name, shape):
        count = shape[0] * shape[1] * shape[2] * shape[3]
        return helper.make_tensor(name, TensorProto.FLOAT, shape, struct.pack(f"<{count}f", *[0.1] * count), raw=True)

    def whole(name, *values):
        return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)

    nodes = [
        helper.make_node("Conv", ["image", "w3"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Clip", ["c", "low"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
        helper.make_node("Conv", ["p", "w3"], ["d"], auto_pad="SAME_UPPER"),
        helper.make_node("ConvTranspose", ["d", "w4"], ["t"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Shape", ["r"], ["shape"]),
        helper.make_node("Slice", ["shape", "two", "four", "zero"], ["sides"]),
        helper.make_node("Concat", ["begin", "sides"], ["size"], axis=0),
        helper.make_node("Resize", ["p", "", "", "size"], ["u"], mode="nearest",
                         coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        helper.make_node("Concat", ["t", "u"], ["both"], axis=1),
        helper.make_node("AveragePool", ["both"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        helper.make_node("Transpose", ["a"], ["n"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["n", "rows"], ["out"]),
    ]
    constants = [weights("w3", [1, 1, 3, 3]), weights("w4", [1, 1, 4, 4]), whole("zero", 0), whole("two", 2),
                 whole("four", 4), whole("begin", 1, 1), whole("rows", 0, -1, 2),
                 helper.make_tensor("low", TensorProto.FLOAT, [], [0.0])]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, "H", "W"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", "R", 2])
    graph = helper.make_graph(nodes, "g", [image], [out], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)]).SerializeToString()


def scrfd_heads() -> bytes:
    """A detector that ends as SCRFD does, with one channel of features."""
    nodes, constants, outputs = [], [], []

    def conv(source, name, count, side):
        constants.append(helper.make_tensor(f"{name}_w", TensorProto.FLOAT, [count, 1, side, side],
                                            [0.1] * (count * side * side)))
        constants.append(helper.make_tensor(f"{name}_b", TensorProto.FLOAT, [count], [0.3] * count))
        nodes.append(helper.make_node("Conv", [source, f"{name}_w", f"{name}_b"], [name], kernel_shape=[side, side],
                                      pads=[side // 2] * 4))
        return name

    for stride in (8, 16, 32):
        at = str(stride)
        nodes.append(helper.make_node("Slice", ["image"], [f"s{at}"], steps=[1, 3, stride, stride]))
        nodes.append(helper.make_node("Relu", [conv(f"s{at}", f"t{at}", 1, 1)], [f"r{at}"]))
        nodes.append(helper.make_node("Relu", [conv(f"r{at}", f"u{at}", 1, 1)], [f"f{at}"]))
    constants.append(helper.make_tensor("two", TensorProto.FLOAT, [], [2.0]))
    for values in (1, 4, 10):
        constants.append(helper.make_tensor(f"rows{values}", TensorProto.INT64, [2], [-1, values]))
        for stride in (8, 16, 32):
            name = f"{values}_{stride}"
            last = conv(f"f{stride}", f"c{name}", 2 * values, 3)
            if values == 4:
                nodes.append(helper.make_node("Mul", [last, "two"], [f"m{name}"]))
                last = f"m{name}"
            nodes.append(helper.make_node("Transpose", [last], [f"n{name}"], perm=[0, 2, 3, 1]))
            nodes.append(helper.make_node("Reshape", [f"n{name}", f"rows{values}"], [f"o{name}"]))
            if values == 1:
                nodes.append(helper.make_node("Sigmoid", [f"o{name}"], [f"p{name}"]))
            result = f"{'p' if values == 1 else 'o'}{name}"
            outputs.append(helper.make_tensor_value_info(result, TensorProto.FLOAT, None))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, None, None])
    graph = helper.make_graph(nodes, "g", [image], outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)]).SerializeToString()


SETTINGS = {
    "plain.env": "ALL_GPU=true\nGPU_BATCH_SIZE=16\n# a comment\nLOG_LEVEL=debug\n",
    "quotes.env": "export MIEN_MODEL_DIR=\"/a b/\\\"c\\\"\\n\"\nMIEN_ORT_LIBRARY='x # y' # z\n"
                  "GPU_MEMORY_LIMIT_GB = 2.5\n",
    "lines.env": "\ufeffGPU_BACKEND=\"cu\nda\"\r\nDEBUG=yes\r\nFACE_DETECTION_GPU=require\n",
    "wrong.env": "GPU_DEVICE_ID=-1\nnot a line\nGPU_BATCH_SIZE=4097\nMIEN_RUNTIME=auto\n",
}

LISTS = {
    "newlines.txt": "a.jpg\nfolder/b c.png\r\n\n\xff.heic\n",
    "nuls.txt": "a.jpg\0b\nc.jpg\0",
    "globs.txt": "*.jpg\nold/x.jpg\n[a-c]?\nb1\n",
    "call.txt": "--flag\n--text\nwords\n--number=7\n-n\n3\n--fraction\n0.5\n--colour\nblue\n--each=x\n--\n-file\n",
}


def record(**changes) -> bytes:
    face = {"bbox": [1.5, 2, 30.25, 40], "det_score": 0.9, "landmarks": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]],
            "scale": 0.5, "enhancement_scale": 1}
    value = {"source": "/nonexistent/a.jpg", "source_size": 100, "source_mtime_ns": 1600000000000000000,
             "sha256": "ab" * 32, "terms": "0123456789abcdef", "width": 640, "height": 480, "format": "jpeg",
             "models": {"detector": "scrfd_10g", "embedder": "arcface_r50"}, "faces": [face], "warnings": [],
             "placement": []}
    value.update(changes)
    return json.dumps({name: part for name, part in value.items() if part is not None}).encode()


def catalogs() -> dict[str, bytes]:
    detector = {"name": "mine", "role": "detector", "file": "mine.onnx", "sha256": "ab" * 32, "licence": "MIT",
                "decoder": "scrfd", "url": "mine.onnx", "size": 1000}
    embedder = {"name": "own", "role": "embedder", "file": "own.onnx", "sha256": "cd" * 32, "licence": "research only",
                "licence_must_be_accepted": True, "licence_terms": "research alone", "feed": "sface", "dimension": 128,
                "threshold_verify": 0.36, "rate_verify": 0.001, "threshold_source": "measured"}
    fed = {**embedder, "name": "fed", "file": "fed.onnx", "feed": {"order": "BGR", "mean": 127.5, "scale": 0.0078125}}
    pack = {"name": "both", "url": ["/models/both.zip", "other.zip"], "sha256": "ef" * 32, "models": ["mine", "own"]}
    accepted = {"name": "own", "licence": "research only", "date": "2026-11-23T05:00:00Z"}
    return {
        "models.json": json.dumps({"models": [detector, embedder]}).encode(),
        "fed.json": json.dumps({"models": [fed]}).encode(),
        "pack.json": json.dumps({"models": [detector, embedder], "packs": [pack], "accepted": [accepted]}).encode(),
        "taken.json": json.dumps({"models": [{**detector, "name": "centerface"}]}).encode(),
        "mistyped.json": json.dumps({"models": [{**detector, "licens": 1}]}).encode(),
    }


def records(golden: list[bytes]) -> dict[str, bytes]:
    return {
        "error.json": record(faces=None, error={"code": "bad_data", "message": "not an image"}),
        **{f"real_{i}.json": line for i, line in enumerate(golden)},
    }


def resumes(golden: list[bytes]) -> dict[str, bytes]:
    whole = b"\n".join(golden) + b"\n"
    return {"whole.jsonl": whole, "torn.jsonl": whole[:-40], "foreign.jsonl": record() + b"\n"}


def stores() -> dict[str, bytes]:
    """Edits of a sound store: numbers of its used bytes, and their values."""
    def edits(numbers: range, value: int, first: int = 0) -> bytes:
        return bytes([first]) + b"".join(number.to_bytes(3, "little") + bytes([value]) for number in numbers)

    return {"header.bin": edits(range(16, 30), 1), "tables.bin": edits(range(500, 6000, 400), 97),
            "rows.bin": edits(range(9000, 20000, 500), 255), "one.bin": edits(range(12345, 12346), 0),
            "cut.bin": edits(range(0), 0, 129)}


def main(arguments: list[str]) -> int:
    pillow_heif.register_heif_opener()
    folder = Path(arguments[0]) if arguments else Path(__file__).parent / "corpus"
    golden = (Path(__file__).parent / "records.jsonl").read_bytes().splitlines()
    kinds = {
        "jpeg": jpegs(), "png": pngs(), "webp": webps(), "gif": gifs(), "bmp": bmps(), "tiff": tiffs(),
        "heic": heifs("HEIF"), "avif": heifs("AVIF"), "raw": {"little.dng": dng(True, 1), "big.dng": dng(False, 6)},
        "exif": exifs(), "xmp": xmps(), "xmp_change": xmp_changes(), "icc": iccs(), "capi": calls(),
        "catalog": catalogs(), "shapes": models(), "records": records(golden), "resume": resumes(golden),
        "store": stores(), "settings": {name: text.encode() for name, text in SETTINGS.items()},
        "lists": {name: text.encode("latin-1") for name, text in LISTS.items()},
        "multipart": {name: text.encode("latin-1") for name, text in MULTIPARTS.items()},
        "entries": {name: text.encode() for name, text in ENTRIES.items()},
        "fields": {name: text.encode() for name, text in FIELDS.items()},
        "http_head": {name: text.encode("latin-1") for name, text in HTTP_HEADS.items()},
    }
    kinds["settings"]["lines.env"] = SETTINGS["lines.env"].encode("utf-8")
    for kind, files in kinds.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / kind / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
