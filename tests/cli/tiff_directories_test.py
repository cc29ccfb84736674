"""TIFF files of several directories: small versions are not the photo; and what libtiff cannot decode is said."""

import json
import struct

import pytest

SMALL, PHOTO, OTHER = (24, 16), (96, 64), (48, 40)


def pixels(size):
    return bytes(range(251)) * (3 * size[0] * size[1] // 251 + 1)


class Tiff:
    """A file in the making, little-endian."""

    def __init__(self):
        self.data = bytearray(b"II*\0\0\0\0\0")

    def put(self, size, more=None, compression=1):
        """A directory with its pixels; where it is, and where the offset of the next one stands."""
        strip = len(self.data)
        bits = strip + 3 * size[0] * size[1]
        self.data += pixels(size)[: 3 * size[0] * size[1]] + struct.pack("<HHH", 8, 8, 8)
        entries = {256: (4, [size[0]]), 257: (4, [size[1]]), 259: (3, [compression]), 262: (3, [2]),
                   273: (4, [strip]), 277: (3, [3]), 278: (4, [size[1]]), 279: (4, [3 * size[0] * size[1]])}
        entries |= more or {}
        rows = [(258, struct.pack("<HII", 3, 3, bits))]
        for tag, (kind, values) in entries.items():
            packed = struct.pack("<%d%s" % (len(values), {3: "H", 4: "I"}[kind]), *values)
            if len(packed) > 4:
                at, packed = len(self.data), packed + bytes(len(packed) % 2)
                self.data += packed
                packed = struct.pack("<I", at)
            rows.append((tag, struct.pack("<HI", kind, len(values)) + packed.ljust(4, b"\0")))
        self.data += bytes(len(self.data) % 2)
        at = len(self.data)
        self.data += struct.pack("<H", len(rows)) + b"".join(
            struct.pack("<H", tag) + row for tag, row in sorted(rows)) + bytes(4)
        return at, len(self.data) - 4

    def link(self, place, to):
        self.data[place : place + 4] = struct.pack("<I", to)

    def chain(self, *directories):
        place = 4
        for at, following in directories:
            self.link(place, at)
            place = following
        return bytes(self.data)


REDUCED, MASK, PAGE = {254: (4, [1])}, {254: (4, [4])}, {254: (4, [2])}
OLD_REDUCED = {255: (3, [2])}


def pages(*directories):
    tiff = Tiff()
    return tiff.chain(*(tiff.put(size, more) for size, more in directories))


def photo_in_sub_directory(small=REDUCED, before=(), more=None, behind=()):
    tiff = Tiff()
    subs = [tiff.put(size, kind)[0] for size, kind in before]
    subs.append(tiff.put(PHOTO, more)[0])
    first = tiff.put(SMALL, {**small, 330: (4, subs)})
    return tiff.chain(first, *(tiff.put(size, kind) for size, kind in behind))


MORE = ["the TIFF file has more pages; only the first was read"]
CASES = {
    "small_first": (pages((SMALL, REDUCED), (PHOTO, None)), PHOTO, []),
    "old_small_first": (pages((SMALL, OLD_REDUCED), (PHOTO, {255: (3, [1])})), PHOTO, []),
    "two_small_first": (pages((SMALL, REDUCED), (OTHER, REDUCED), (PHOTO, None)), PHOTO, []),
    "mask_first": (pages((PHOTO, MASK), (PHOTO, None)), PHOTO, []),
    "small_behind": (pages((PHOTO, None), (SMALL, REDUCED), (PHOTO, MASK)), PHOTO, []),
    "sub_directory": (photo_in_sub_directory(), PHOTO, []),
    "second_sub_directory": (photo_in_sub_directory(before=[(OTHER, REDUCED)]), PHOTO, []),
    "old_sub_directory": (photo_in_sub_directory(OLD_REDUCED), PHOTO, []),
    "small_alone": (pages((SMALL, REDUCED)), SMALL, []),
    "small_ones_alone": (pages((SMALL, REDUCED), (OTHER, REDUCED)), OTHER, []),
    "pages": (pages((PHOTO, PAGE), (OTHER, PAGE)), PHOTO, MORE),
    "small_then_pages": (pages((SMALL, REDUCED), (PHOTO, PAGE), (OTHER, PAGE)), PHOTO, MORE),
    "sub_directory_then_page": (photo_in_sub_directory(behind=[(OTHER, None)]), PHOTO, MORE),
    "sub_directory_then_small": (photo_in_sub_directory(behind=[(OTHER, REDUCED)]), PHOTO, []),
}


@pytest.fixture
def record(mien):
    if any(line.startswith("missing:  tiff:") for line in mien("version").stdout.splitlines()):
        pytest.skip("this build reads no TIFF")

    def read(name, data):
        (mien.folder / name).write_bytes(data)
        return json.loads(mien("faces", "--json", name).stdout)

    return read


@pytest.mark.parametrize("name", CASES)
def test_the_photo_is_read(record, name):
    data, size, warnings = CASES[name]
    found = record(f"{name}.tif", data)
    assert found["error"] is None
    assert ((found["width"], found["height"]), found["warnings"]) == (size, warnings)


def test_the_first_directory_says_how_the_photo_in_another_stands(record):
    turned = record("a.tif", photo_in_sub_directory({**REDUCED, 274: (3, [6])}))
    assert (turned["width"], turned["height"]) == PHOTO[::-1]
    own = record("b.tif", photo_in_sub_directory({**REDUCED, 274: (3, [6])}, more={274: (3, [1])}))
    assert (own["width"], own["height"]) == PHOTO


def test_directories_that_lead_back_end(record):
    tiff = Tiff()
    first = tiff.put(SMALL, {**REDUCED, 330: (4, [8, 8, 0xFFFFFFF0])})
    tiff.link(first[1], first[0])
    assert record("loop.tif", tiff.chain(first))["width"] == SMALL[0]
    # Many small ones are not walked past for ever.
    assert record("many.tif", pages(*[(SMALL, REDUCED)] * 300, (PHOTO, None)))["width"] == SMALL[0]


@pytest.mark.parametrize("compression, words", [(34712, "JPEG 2000"), (33005, "JPEG 2000"), (50002, "JPEG XL"),
                                                (34933, "PNG"), (34715, "JBIG2"), (12345, "compression 12345")])
def test_unknown_compression_is_unsupported(record, compression, words):
    tiff = Tiff()
    error = record("odd.tif", tiff.chain(tiff.put(PHOTO, compression=compression)))["error"]
    assert error["code"] == "unsupported" and words in error["message"]


@pytest.mark.parametrize("bits, kind", [(32, 1), (32, 3), (64, 3)])
def test_samples_that_are_too_wide_are_unsupported(record, bits, kind):
    """Integers and floating point."""
    tiff = Tiff()
    at = tiff.put(PHOTO, {339: (3, [kind])})
    depth = tiff.data.rindex(struct.pack("<HHII", 258, 3, 3, 0)[:8], 0, at[1])
    place = struct.unpack("<I", tiff.data[depth + 8 : depth + 12])[0]
    tiff.data[place : place + 6] = struct.pack("<HHH", bits, bits, bits)
    error = record("wide.tif", tiff.chain(at))["error"]
    assert error["code"] == "unsupported"
