"""Files as nobody wishes for them, built byte by byte: what odd_files_test.py scans, and what must come of each."""

import dataclasses
import pathlib
import struct
import zlib

from image_bytes import SIGNATURE, chunk, header

IMAGES = pathlib.Path(__file__).resolve().parents[1] / "data/images"


@dataclasses.dataclass
class Odd:
    name: str
    data: bytes
    size: tuple = None  # of the decoded image, upright; None: no image comes of it
    format: str = ""
    warning: str = ""  # a pattern for the one warning; empty: there is none; "may": there may be some
    code: str = ""
    words: str = ""  # a pattern for the error's message
    needs: str = ""  # the format that a build may lack: then it is unsupported
    extend_to: int = 0  # the file grows to this many bytes, which take no room on the disk


def image(name):
    return (IMAGES / name).read_bytes()


PIXELS = bytes(range(0, 240, 5)) * 3  # of a row of 48 RGB pixels


def rows(width, height):
    return zlib.compress((b"\0" + (PIXELS * (width // 48 + 1))[: 3 * width]) * height)


def png(width=48, height=40, before=b"", pixels=None, after=b""):
    pixels = rows(width, height) if pixels is None else pixels
    return SIGNATURE + header(width, height) + before + chunk(b"IDAT", pixels) + after + chunk(b"IEND", b"")


def png_files():
    plain = png()
    flipped = bytearray(rows(48, 40))
    flipped[-1] ^= 1
    animation = chunk(b"acTL", struct.pack(">II", 2, 0))
    frame = struct.pack(">IIIIIHHBB", 0, 48, 40, 0, 0, 1, 10, 0, 0)
    second = chunk(b"fcTL", struct.pack(">I", 1) + frame[4:]) + chunk(b"fdAT", struct.pack(">I", 2) + rows(48, 40))
    bomb = zlib.compress(bytes(50_000_000), 9)
    texts = b"".join(chunk(b"tEXt", b"Comment\0nested %d" % i) for i in range(5000))
    deep = SIGNATURE + header(48, 40, 8, 5) + chunk(b"IDAT", rows(48, 40)) + chunk(b"IEND", b"")
    return [
        Odd("png_1x1.png", png(1, 1), (1, 1), "png"),
        Odd("png_1x20000.png", png(1, 20000), (1, 20000), "png"),
        Odd("png_20000x1.png", png(20000, 1), (20000, 1), "png"),
        Odd("png_60000x60000.png", png(60000, 60000, pixels=b"x"), code="limit_exceeded", words="pixels_max"),
        Odd("png_70000x10.png", png(70000, 10, pixels=b"x"), code="limit_exceeded", words="side_max"),
        Odd("png_0x40.png", png(0, 40, pixels=b"x"), code="bad_data", words="PNG"),
        Odd("png_truncated.png", image("png_rgb.png")[:5000], (67, 45), "png", warning="^truncated: "),
        Odd("png_interlaced_truncated.png", image("png_rgb_adam7.png")[:5000], (67, 45), "png", warning="^truncated: "),
        Odd("png_wrong_checksum.png", plain[:-24] + bytes([plain[-24] ^ 1]) + plain[-23:], (48, 40), "png",
            warning="^corrupt: "),
        Odd("png_broken_deflate.png", png(pixels=bytes(flipped)), (48, 40), "png", warning="^corrupt: "),
        Odd("png_no_pixels.png", SIGNATURE + header(48, 40) + chunk(b"IEND", b""), code="bad_data", words="PNG"),
        Odd("png_header_alone.png", SIGNATURE + header(48, 40), code="bad_data", words="ends before"),
        Odd("png_signature_alone.png", SIGNATURE, code="bad_data", words="ends before"),
        Odd("png_impossible_colours.png", deep, code="bad_data", words="PNG"),
        Odd("png_text_bomb.png", png(before=chunk(b"zTXt", b"Comment\0\0" + bomb)), (48, 40), "png"),
        Odd("png_5000_texts.png", png(before=texts), (48, 40), "png"),
        Odd("png_animated.png", png(before=animation + chunk(b"fcTL", frame), after=second), (48, 40), "png"),
        Odd("png_then_zip.png", plain + b"PK\x03\x04" + bytes(3000), (48, 40), "png"),
        Odd("png_called_jpeg.jpg", plain, (48, 40), "png"),
        Odd("png_broken_profile.png", image("colour/png_broken_profile.png"), (64, 48), "png",
            warning="^colour profile not applied"),
    ]


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_segments(*segments, base="jpeg_420.jpg"):
    data = image(base)
    return data[:2] + b"".join(segments) + data[2:]


def with_frame(data, precision=None, size=None):
    data = bytearray(data)
    frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    if precision:
        data[frame + 4] = precision
    if size:
        data[frame + 5:frame + 9] = struct.pack(">HH", size[1], size[0])
    return bytes(data)


def jpeg_files():
    plain = image("jpeg_420.jpg")
    progressive = image("jpeg_progressive_gray.jpg")
    scan = progressive[progressive.rfind(b"\xff\xda"):-2]
    loop = b"Exif\0\0" + b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)
    nested = b"Exif\0\0" + b"II*\0\x08\0\0\0" + struct.pack("<HI", 0, 14) + struct.pack(
        "<HHHIIHHIII", 2, 0x201, 4, 1, 44, 0x202, 4, 1, 20000, 0) + plain
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + b"<a>" * 20000
    missing = [segment(0xE2, b"ICC_PROFILE\0" + bytes([number, 3]) + bytes(500)) for number in (1, 3)]
    size = (149, 97)
    return [
        Odd("jpeg_1x1.jpg", image("jpeg_1x1.jpg"), (1, 1), "jpeg"),
        Odd("jpeg_1x20000.jpg", image("jpeg_1x20000.jpg"), (1, 20000), "jpeg"),
        Odd("jpeg_20000x1.jpg", image("jpeg_20000x1.jpg"), (20000, 1), "jpeg"),
        Odd("jpeg_65500x65500.jpg", with_frame(plain, size=(65500, 65500)), code="limit_exceeded", words="side_max"),
        Odd("jpeg_60000x60000.jpg", with_frame(plain, size=(60000, 60000)), code="limit_exceeded", words="pixels_max"),
        Odd("jpeg_0x0.jpg", with_frame(plain, size=(0, 0)), code="bad_data", words="JPEG"),
        Odd("jpeg_called_png.png", plain, size, "jpeg"),
        Odd("jpeg_called_heic.heic", plain, size, "jpeg"),
        Odd("jpeg_truncated.jpg", plain[: len(plain) // 2], size, "jpeg", warning="^truncated: "),
        Odd("jpeg_header_alone.jpg", plain[: plain.find(b"\xff\xda")], code="bad_data", words="ends before"),
        Odd("jpeg_start_and_end.jpg", b"\xff\xd8\xff\xd9", code="bad_data", words="JPEG"),
        Odd("jpeg_then_html.jpg", plain + b"<html><script>" * 1000, size, "jpeg"),
        Odd("jpeg_twice.jpg", plain + image("jpeg_gray.jpg"), size, "jpeg"),
        Odd("jpeg_12_bits.jpg", with_frame(plain, precision=12), code="unsupported", words="12 bits"),
        Odd("jpeg_600_passes.jpg", progressive[:-2] + scan * 600 + b"\xff\xd9", code="limit_exceeded",
            words="passes"),
        Odd("jpeg_exif_loop.jpg", with_segments(segment(0xE1, loop)), size, "jpeg"),
        Odd("jpeg_in_exif_in_jpeg.jpg", with_segments(segment(0xE1, nested)), size, "jpeg"),
        Odd("jpeg_500_xmp_blocks.jpg", with_segments(*[segment(0xE1, xmp)] * 500), size, "jpeg"),
        Odd("jpeg_profile_lacks_a_part.jpg", with_segments(*missing), size, "jpeg",
            warning="segment 2 of 3 is missing"),
        Odd("jpeg_profile_for_inks.jpg", image("colour/jpeg_rgb_with_cmyk_profile.jpg"), (64, 48), "jpeg",
            warning="'Test Press' not applied: "),
    ]


def gif(width=48, height=40, screen=None, frames=1, left=0):
    screen = screen or (width, height)
    palette = bytes(range(12))
    data = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x81, 0, 0) + palette
    codes, used, bits = 0, 0, b""
    for code in [v for _ in range(width * height) for v in (4, 1)] + [5]:  # a clear before each pixel: all 3 bits wide
        codes |= code << used
        used += 3
        while used >= 8:
            bits += bytes([codes & 255])
            codes, used = codes >> 8, used - 8
    bits += bytes([codes & 255])
    blocks = b"".join(bytes([len(bits[i:i + 255])]) + bits[i:i + 255] for i in range(0, len(bits), 255)) + b"\0"
    control = b"!\xf9\x04\x04\x0a\0\0\0"
    frame = control + b"," + struct.pack("<HHHHB", left, 0, width, height, 0) + b"\x02" + blocks
    return data + frame * frames + b";"


def gif_files():
    plain = gif()
    return [
        Odd("gif_1x1.gif", gif(1, 1), (1, 1), "gif", needs="gif"),
        Odd("gif_animated.gif", gif(frames=50), (48, 40), "gif", warning="^animation: none of the 50", needs="gif"),
        Odd("gif_65535x65535.gif", gif(screen=(65535, 65535)), code="limit_exceeded", words="side_max|pixels_max",
            needs="gif"),
        Odd("gif_no_frames.gif", gif(frames=0), code="bad_data", words="GIF", needs="gif"),
        Odd("gif_truncated.gif", plain[: len(plain) // 2], (48, 40), "gif", warning="^truncated|^corrupt", needs="gif"),
        Odd("gif_header_alone.gif", plain[:13], code="bad_data", words="GIF", needs="gif"),
    ]


def bmp(width=48, height=40, data=None):
    stride = (3 * width + 3) // 4 * 4
    data = bytes(range(48)) * (stride * abs(height) // 48 + 1) if data is None else data
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    data = data[: stride * abs(height)]
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + info + data


def bmp_files():
    return [
        Odd("bmp_1x1.bmp", bmp(1, 1), (1, 1), "bmp", needs="bmp"),
        Odd("bmp_60000x60000.bmp", bmp(60000, 60000, b"x"), code="limit_exceeded", words="pixels_max", needs="bmp"),
        Odd("bmp_0x0.bmp", bmp(0, 0), code="bad_data", words="BMP", needs="bmp"),
        Odd("bmp_called_png.png", bmp(), (48, 40), "bmp", needs="bmp"),
    ]


def directory(entries, offset, following=0):
    """A TIFF directory that begins at `offset`: (tag, type, values), short ones inline, longer ones behind it."""
    data, extra = struct.pack("<H", len(entries)), b""
    behind = offset + 2 + 12 * len(entries) + 4
    for tag, kind, values in entries:
        packed = struct.pack("<%d%s" % (len(values), {1: "B", 3: "H", 4: "I"}[kind]), *values)
        if len(packed) > 4:
            field = struct.pack("<I", behind + len(extra))
            extra += packed + bytes(len(packed) % 2)
        else:
            field = packed.ljust(4, b"\0")
        data += struct.pack("<HHI", tag, kind, len(values)) + field
    return data + struct.pack("<I", following) + extra


def tiff(width=48, height=40, following=0, strip=None, more=()):
    strip = (PIXELS * (width // 48 + 1))[: 3 * width] * height if strip is None else strip
    strip += bytes(len(strip) % 2)
    at = 8 + len(strip)
    entries = [(256, 4, [width]), (257, 4, [height]), (258, 3, [8, 8, 8]), (259, 3, [1]), (262, 3, [2]), (273, 4, [8]),
               (277, 3, [3]), (278, 4, [height]), (279, 4, [len(strip)]), *more]
    return b"II*\0" + struct.pack("<I", at) + strip + directory(entries, at, at if following == "loop" else following)


def tiff_files():
    plain = tiff()
    return [
        Odd("tiff_1x1.tif", tiff(1, 1), (1, 1), "tiff", needs="tiff"),
        Odd("tiff_1x20000.tif", tiff(1, 20000), (1, 20000), "tiff", needs="tiff"),
        Odd("tiff_directory_loop.tif", tiff(following="loop"), (48, 40), "tiff", warning="may", needs="tiff"),
        Odd("tiff_60000x60000.tif", tiff(60000, 60000, strip=b"xx"), code="limit_exceeded", words="pixels_max",
            needs="tiff"),
        Odd("tiff_called_jpeg.jpg", plain, (48, 40), "tiff", needs="tiff"),
        Odd("tiff_empty_directory.tif", b"II*\0\x08\0\0\0" + directory([], 8), code="bad_data", words="TIFF",
            needs="tiff"),
        Odd("tiff_directory_outside.tif", b"II*\0\xff\xff\xff\x7f" + bytes(100), code="bad_data", words="TIFF",
            needs="tiff"),
    ]


def webp_files():
    canvas = struct.pack("<I", 0)[:4] + (0xFFFFFF).to_bytes(3, "little") + (60000).to_bytes(3, "little")
    huge = b"WEBPVP8X" + struct.pack("<I", 10) + canvas
    lossy = b"WEBPVP8 " + struct.pack("<I", 100) + bytes(40)
    return [
        Odd("webp_header_alone.webp", b"RIFF\x10\0\0\0WEBP", code="bad_data", words="(?i)webp", needs="webp"),
        Odd("webp_of_zeros.webp", b"RIFF" + struct.pack("<I", len(lossy)) + lossy, code="bad_data", words="(?i)webp",
            needs="webp"),
        Odd("webp_16777216x60001.webp", b"RIFF" + struct.pack("<I", len(huge)) + huge,
            code="limit_exceeded|bad_data", words="(?i)webp|_max", needs="webp"),
    ]


def with_item_size(data, width, height):
    at = data.find(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8:]


def heif_files():
    heic, avif = image("heif/face.heic"), image("heif/face.avif")
    meta = heic.find(b"meta") - 4
    return [
        Odd("heic_truncated.heic", heic[: len(heic) // 2], code="bad_data", words="heic", needs="heic"),
        Odd("heic_brands_alone.heic", heic[: struct.unpack(">I", heic[:4])[0]], code="bad_data", words="heic",
            needs="heic"),
        Odd("heic_60000x60000.heic", with_item_size(heic, 60000, 60000), code="limit_exceeded",
            words="pixels_max|limit|maximum", needs="heic"),
        Odd("heic_endless_box.heic", heic[:meta] + b"\xff\xff\xff\xff" + heic[meta + 4:], code="bad_data",
            words="heic", needs="heic"),
        Odd("heic_tiles.heic", image("heif/heic_grid.heic"), (128, 96), "heic", needs="heic"),
        Odd("heic_turned.heic", image("heif/heic_orientation_6.heic"), (96, 128), "heic", needs="heic"),
        Odd("heic_is_a_video.heic", b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + bytes(200), code="bad_data", words="video"),
        Odd("avif_called_heic.heic", avif, (240, 240), "avif", needs="avif"),
        Odd("avif_animated.avif", image("heif/avif_sequence.avif"), (128, 96), "avif", needs="avif"),
        Odd("avif_hdr.avif", image("heif/avif_pq.avif"), (128, 96), "avif", warning=r"HDR brightness \(PQ\)",
            needs="avif"),
        Odd("avif_1x1_stated.avif", with_item_size(avif, 1, 1), (240, 240), "avif", warning="may", needs="avif",
            code="bad_data", words="avif"),
    ]


def dng(preview, preview_size):
    sensor = bytes(2 * 160 * 128)
    body = preview + bytes(len(preview) % 2) + sensor
    raw_at = 8 + len(body)
    raw = directory([(254, 4, [0]), (256, 4, [160]), (257, 4, [128]), (258, 3, [16]), (259, 3, [1]), (262, 3, [32803]),
                     (273, 4, [8 + len(body) - len(sensor)]), (277, 3, [1]), (278, 4, [128]), (279, 4, [len(sensor)]),
                     (33421, 3, [2, 2]), (33422, 1, [0, 1, 1, 2])], raw_at)
    first_at = raw_at + len(raw)
    first = directory([(254, 4, [1]), (256, 4, [preview_size[0]]), (257, 4, [preview_size[1]]), (258, 3, [8, 8, 8]),
                       (259, 3, [7]), (262, 3, [6]), (273, 4, [8]), (274, 3, [6]), (277, 3, [3]),
                       (278, 4, [preview_size[1]]), (279, 4, [len(preview)]), (330, 4, [raw_at]),
                       (50706, 1, [1, 4, 0, 0])], first_at)
    return b"II*\0" + struct.pack("<I", first_at) + body + raw + first


def raw_files():
    return [
        Odd("raw_turned.dng", dng(image("jpeg_420.jpg"), (149, 97)), (97, 149), "raw", needs="raw"),
        Odd("raw_called_tiff.tif", dng(image("jpeg_420.jpg"), (149, 97)), (97, 149), "raw", needs="raw"),
        Odd("raw_no_preview.dng", dng(b"\x55" * 5000, (149, 97)), code="unsupported", words="no preview", needs="raw"),
        Odd("raw_broken_preview.dng", dng(image("jpeg_420.jpg")[:200], (149, 97)), code="unsupported|bad_data",
            words="preview", needs="raw"),
        Odd("raw_canon_header_alone.cr2", b"II*\0\x10\0\0\0CR\2\0" + bytes(100), code="bad_data|unsupported",
            words="raw", needs="raw"),
        Odd("raw_fuji_header_alone.raf", b"FUJIFILMCCD-RAW 0201" + bytes(200), code="bad_data|unsupported", words="raw",
            needs="raw"),
    ]


def strangers():
    return [
        Odd("empty.jpg", b"", code="bad_data", words="empty"),
        Odd("zeros.jpg", bytes(5000), code="bad_data", words="zero bytes"),
        Odd("one_byte.png", b"\x89", code="bad_data", words="not an image"),
        Odd("web_page.jpg", b"<!DOCTYPE html><html>not found</html>", code="bad_data", words="HTML"),
        Odd("zip.png", b"PK\x03\x04" + bytes(100), code="bad_data", words="ZIP"),
        Odd("pointer.jpg", b"version https://git-lfs.github.com/spec/v1\n", code="bad_data", words="Git LFS"),
        Odd("photoshop.tif", b"8BPS\0\1" + bytes(100), code="unsupported", words="Photoshop"),
        Odd("jpeg_xl.jxl", b"\xff\x0a" + bytes(100), code="unsupported", words="JPEG XL"),
        Odd("300_megabytes.jpg", image("jpeg_420.jpg"), code="limit_exceeded", words="limit of 268435456 bytes",
            extend_to=300 << 20),
    ]


def odd_files():
    return [*png_files(), *jpeg_files(), *gif_files(), *bmp_files(), *tiff_files(), *webp_files(), *heif_files(),
            *raw_files(), *strangers()]
