"""Image files byte by byte, for tests that build their own."""

import io
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name, data, checksum=None):
    """A chunk of a PNG."""
    checksum = zlib.crc32(name + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def header(width, height, depth=8, colour=2, interlaced=0):
    """The first chunk of a PNG."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def saved(image, kind, **options):
    """The bytes that Pillow makes of an image."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def striped_png(number):
    """A picture of its own, without a face."""
    lines = b"".join(b"\0" + bytes((x * 2 + y * number) % 256 for x in range(3 * 64)) for y in range(64))
    return SIGNATURE + header(64, 64) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
