"""Which way is up, in every place where a file may state it. Pictures are looked at through `mien crop`."""

import io
import json
import struct
import zlib

import pytest
from image_bytes import chunk, saved

Image = pytest.importorskip("PIL.Image", reason="no Pillow: install python3-pil")

SIZE = (96, 64)
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION_HEAD = b"http://ns.adobe.com/xmp/extension/\0"
NAME = b"0123456789ABCDEF0123456789ABCDEF"
# How an upright picture is stored for the values of EXIF.
STORED = {1: None, 2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
          6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}


def upright():
    """A corner is red, its neighbour green: no turn and no mirror looks alike."""
    image = Image.new("RGB", SIZE, (40, 40, 200))
    image.paste((220, 30, 30), (0, 0, 32, 24))
    image.paste((30, 200, 30), (64, 0, 96, 24))
    return image


def stored(value):
    return upright() if STORED[value] is None else upright().transpose(STORED[value])


def exif(value):
    return b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x112, 3, 1, value, 0) + b"\0\0\0\0"


def xmp(value, more=b"", form="attribute", prefix=b"tiff"):
    namespace = b'xmlns:%s="http://ns.adobe.com/tiff/1.0/" ' % prefix
    if form == "attribute":
        inside = b'<rdf:Description %s %s %s:Orientation="%d"/>' % (namespace, more, prefix, value)
    elif form == "element":
        inside = (b"<rdf:Description %s %s><%s:Orientation>%d</%s:Orientation></rdf:Description>"
                  % (namespace, more, prefix, value, prefix))
    else:
        inside = b"<rdf:Description %s/>" % more
    return (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            + inside + b"</rdf:RDF></x:xmpmeta>")


def profile(kind, data):
    return b"\n" + kind + b"\n%8d\n" % len(data) + b"\n".join(
        data.hex().encode()[i : i + 72] for i in range(0, 2 * len(data), 72)) + b"\n"


def png(*chunks, late=False):
    def make(image):
        data = saved(image, "PNG")
        at = len(data) - 12 if late else 33
        return data[:at] + b"".join(chunk(*one) for one in chunks) + data[at:]
    return make


def jpeg(*segments):
    def make(image):
        data = saved(image, "JPEG", quality=95, subsampling=0)
        return data[:2] + b"".join(b"\xff\xe1" + struct.pack(">H", len(one) + 2) + one for one in segments) + data[2:]
    return make


def extension(data, parts=2):
    step = -(-len(data) // parts)
    return [EXTENSION_HEAD + NAME + struct.pack(">II", len(data), at) + data[at : at + step]
            for at in range(0, len(data), step)][::-1]  # in any order


def named_extension(name=NAME):
    return XMP_HEAD + xmp(0, b'xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="%s"' % name, form="none")


def webp(value, form="attribute"):
    return lambda image: saved(image, "WEBP", quality=100, xmp=xmp(value, form=form))


def tiff(value, tags):
    def make(image):
        pixels = image.tobytes()
        packet = xmp(value)
        packet += bytes(len(packet) % 2)
        entries = {256: (4, image.width), 257: (4, image.height), 258: (3, 8), 259: (3, 1), 262: (3, 2), 273: (4, 8),
                   277: (3, 3), 278: (4, image.height), 279: (4, len(pixels))}
        entries |= {tag: (3, of) for tag, of in tags.items()}
        out = b"II*\0" + struct.pack("<I", 8 + len(pixels) + len(packet)) + pixels + packet
        rows = [struct.pack("<HHII", tag, kind, 1, of) for tag, (kind, of) in sorted(entries.items())]
        rows.append(struct.pack("<HHII", 700, 1, len(packet), 8 + len(pixels)))
        return out + struct.pack("<H", len(rows)) + b"".join(rows) + b"\0\0\0\0"
    return make


def gif(packet, in_blocks=False, behind=False):
    def make(image):
        data = saved(image.quantize(8), "GIF")
        if in_blocks:
            body = b"".join(bytes([len(part)]) + part for part in
                            (packet[i : i + 200] for i in range(0, len(packet), 200))) + b"\0"
        else:
            body = packet + b"\1" + bytes(range(255, -1, -1)) + b"\0"
        block = b"!\xff\x0bXMP DataXMP" + body
        at = len(data) - 1 if behind else data.index(b",")  # before the trailer, or the image
        return data[:at] + block + data[at:]
    return make


# Each takes the value and gives what makes a file of a picture.
PLACES = {
    "exif.jpg": lambda v: jpeg(b"Exif\0\0" + exif(v)),
    "exif_in_a_byte.jpg": lambda v: jpeg(b"Exif\0\0MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIBxxx", 0x112, 1, 1, v)
                                         + b"\0\0\0\0"),
    "second_exif.jpg": lambda v: jpeg(b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", b"Exif\0\0" + exif(v)),
    "useless_exif.jpg": lambda v: jpeg(b"Exif\0\0" + exif(0), XMP_HEAD + xmp(v)),
    "xmp.jpg": lambda v: jpeg(XMP_HEAD + xmp(v)),
    "xmp_element.jpg": lambda v: jpeg(XMP_HEAD + xmp(v, form="element", prefix=b"t")),
    "extended_xmp.jpg": lambda v: jpeg(named_extension(), *extension(xmp(v))),
    "exif.png": lambda v: png((b"eXIf", exif(v))),
    "late_exif.png": lambda v: png((b"eXIf", exif(v)), late=True),
    "many_texts.png": lambda v: png(*[(b"tEXt", b"Comment\0%d" % i) for i in range(40)], (b"eXIf", exif(v))),
    "large_exif.png": lambda v: png((b"eXIf", exif(v) + bytes(100_000))),
    "raw_exif_text.png": lambda v: png((b"tEXt", b"Raw profile type exif\0" + profile(b"exif", b"Exif\0\0" + exif(v)))),
    "raw_exif_packed.png": lambda v: png(
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(b"exif", exif(v))))),
    "raw_app1.png": lambda v: png(
        (b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(profile(b"app1", b"Exif\0\0" + exif(v))))),
    "raw_app1_xmp.png": lambda v: png((b"tEXt", b"Raw profile type APP1\0" + profile(b"app1", XMP_HEAD + xmp(v)))),
    "raw_xmp.png": lambda v: png((b"tEXt", b"Raw profile type xmp\0" + profile(b"xmp", xmp(v))), late=True),
    "xmp.png": lambda v: png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(v))),
    "xmp_packed.png": lambda v: png(
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0x\0" + zlib.compress(xmp(v, form="element")))),
    "xmp.webp": webp,
    "xmp_element.webp": lambda v: webp(v, "element"),
    "exif.webp": lambda v: lambda image: saved(image, "WEBP", quality=100, exif=exif(v)),
    "tag.tif": lambda v: tiff(v, {274: v}),
    "xmp.tif": lambda v: tiff(v, {}),
    "useless_tag.tif": lambda v: tiff(v, {274: 0}),
    "xmp.gif": lambda v: gif(xmp(v)),
    "xmp_in_blocks.gif": lambda v: gif(xmp(v), in_blocks=True),
    "xmp_behind.gif": lambda v: gif(xmp(v), behind=True),
}


def needed(mien, name):
    kind = {"jpg": "jpeg", "tif": "tiff"}.get(name.rsplit(".")[-1], name.rsplit(".")[-1])
    missing = [line for line in mien("version").stdout.splitlines() if line.startswith(f"missing:  {kind}:")]
    if missing:
        pytest.skip(missing[0])


def seen(mien, name, *more):
    """The upright picture as mien has it, and what it said."""
    done = mien("crop", name, "seen.jpg", "--box", "0,0,1000,1000", "--margin", "0", "--force", *more)
    assert done.returncode == 0, done.stderr
    return Image.open(mien.folder / "seen.jpg").convert("RGB"), done.stderr


def is_upright(image):
    if image.size != SIZE:
        return False
    red, green, blue = (image.getpixel(at) for at in ((8, 8), (88, 8), (8, 56)))
    return red[0] > 150 and green[1] > 150 and blue[2] > 150


@pytest.mark.parametrize("name", PLACES)
def test_it_is_applied(mien, name):
    needed(mien, name)
    for value in STORED:
        (mien.folder / name).write_bytes(PLACES[name](value)(stored(value)))
        image, said = seen(mien, name)
        if "is not read" in said:
            pytest.skip(said)  # no libexpat
        assert is_upright(image), value
        assert "warning" not in said


def test_the_sandbox_reads_them_too(mien):
    """Where no library can be opened any more."""
    if "mien-decoder" in mien("thumbnail", "none.jpg", "x.jpg", "--sandbox").stderr:
        pytest.skip("this build has no sandbox")
    for name in ("exif.jpg", "xmp.jpg", "extended_xmp.jpg", "xmp_packed.png", "raw_exif_packed.png"):
        (mien.folder / name).write_bytes(PLACES[name](7)(stored(7)))
        assert is_upright(seen(mien, name, "--sandbox")[0]), name


def test_all_places_agree_with_pillow(mien):
    """Where Pillow looks, it comes to the same."""
    from PIL import ImageOps
    for name in ("exif.jpg", "exif.png", "raw_exif_text.png", "xmp.png", "exif.webp"):
        data = PLACES[name](6)(stored(6))
        assert is_upright(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")), name


CONTRADICTIONS = {
    "exif_and_xmp.jpg": (jpeg(XMP_HEAD + xmp(3), b"Exif\0\0" + exif(6)), "EXIF says 6 and XMP says 3; EXIF counts"),
    "two_exif.jpg": (jpeg(b"Exif\0\0" + exif(6), b"Exif\0\0" + exif(1)), "EXIF says 6 and EXIF says 1; EXIF counts"),
    "chunk_and_text.png": (
        png((b"tEXt", b"Raw profile type exif\0" + profile(b"exif", exif(8))), (b"eXIf", exif(6))),
        "eXIf says 6 and EXIF in a text chunk says 8; eXIf counts"),
    "text_and_xmp.png": (
        png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(1)),
            (b"tEXt", b"Raw profile type exif\0" + profile(b"exif", exif(6)))),
        "EXIF in a text chunk says 6 and XMP says 1"),
    "both.webp": (lambda image: saved(image, "WEBP", exif=exif(6), xmp=xmp(8)), "EXIF says 6 and XMP says 8"),
    "tag_and_xmp.tif": (tiff(3, {274: 6}), "TIFF's tag says 6 and XMP says 3"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_said_and_the_first_counts(mien, name):
    needed(mien, name)
    make, words = CONTRADICTIONS[name]
    (mien.folder / name).write_bytes(make(stored(6)))
    image, said = seen(mien, name)
    assert is_upright(image)
    assert said.count("warning") == 1 and words in said
    record = json.loads(mien("faces", "--json", name).stdout)
    assert any(words in warning for warning in record["warnings"])


def test_what_states_nothing(mien):
    """Parts of other files, broken ones, and bombs."""
    bomb = zlib.compress(bytes(200_000_000))
    cases = {
        "other_name.jpg": jpeg(named_extension(b"F" * 32), *extension(xmp(6))),
        "no_main.jpg": jpeg(*extension(xmp(6))),
        "part_missing.jpg": jpeg(named_extension(), *extension(xmp(6), 3)[:2]),
        "bad_hex.png": png((b"tEXt", b"Raw profile type exif\0\nexif\n  zz\n00")),
        "endless.png": png((b"zTXt", b"Raw profile type exif\0\0" + bomb),
                           (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb)),
        "half_packed.png": png((b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(b"exif", exif(6)))[:40])),
        "short.png": png((b"tEXt", b""), (b"iTXt", b"XML:com.adobe.xmp"), (b"zTXt", b"Raw profile type exif\0")),
    }
    for name, make in cases.items():
        (mien.folder / name).write_bytes(make(upright()))
        image, said = seen(mien, name)
        assert is_upright(image) and "warning" not in said, name
    wrong = bytearray(PLACES["exif.png"](6)(upright()))
    wrong[41] ^= 1  # the checksum of eXIf does not fit any more
    (mien.folder / "checksum.png").write_bytes(wrong)
    assert is_upright(seen(mien, "checksum.png")[0])


def test_heif_is_turned_by_its_own_boxes_alone(mien):
    pillow_heif = pytest.importorskip("pillow_heif", reason="no pillow_heif")
    needed(mien, "x.heic")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(upright()).save(buffer, xmp=xmp(6))
    (mien.folder / "xmp.heic").write_bytes(buffer.getvalue())
    assert is_upright(seen(mien, "xmp.heic")[0])
