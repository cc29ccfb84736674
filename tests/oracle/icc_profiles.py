"""ICC profiles written from their numbers, byte by byte, so that tests of colours do not rest on the library that they
test. Only what the tests need: RGB and gray by matrix and curve, CMYK by a small table."""

import struct

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
D65 = (0.3127, 0.3290)
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def s15(value):
    return struct.pack(">i", round(value * 65536))


def to_xyz(x, y):
    return np.array([x / y, 1, (1 - x - y) / y])


def colorants(primaries, white=D65):
    """Columns: the XYZ of red, green and blue, adapted to D50 as profiles want them."""
    columns = np.stack([to_xyz(*chromaticity) for chromaticity in primaries], axis=1)
    columns = columns * np.linalg.solve(columns, to_xyz(*white))
    cone = (BRADFORD @ np.array(D50)) / (BRADFORD @ to_xyz(*white))
    return np.linalg.inv(BRADFORD) @ np.diag(cone) @ BRADFORD @ columns


def text(name):
    encoded = name.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded


def xyz_tag(values):
    return b"XYZ \0\0\0\0" + b"".join(s15(v) for v in values)


def srgb_curve():
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + b"".join(
        s15(v) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))


def gamma_curve(gamma):
    return b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + s15(gamma)


def assemble(space, kind, connection, tags, version=0x04300000):
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags:
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s12s4s", size, b"\0\0\0\0", version, kind, space, connection, bytes(12), b"acsp")
    header += bytes(28) + b"".join(s15(v) for v in D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def rgb(name, primaries, curve=None, white=D65):
    columns = colorants(primaries, white)
    curve = curve or srgb_curve()
    tags = [(b"desc", text(name)), (b"wtpt", xyz_tag(D50))]
    tags += [(tag, xyz_tag(columns[:, i])) for i, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))]
    tags += [(tag, curve) for tag in (b"rTRC", b"gTRC", b"bTRC")]
    return assemble(b"RGB ", b"mntr", b"XYZ ", tags)


def gray(name, gamma):
    return assemble(b"GRAY", b"mntr", b"XYZ ",
                    [(b"desc", text(name)), (b"wtpt", xyz_tag(D50)), (b"kTRC", gamma_curve(gamma))])


def cmyk(name):
    """Inks on paper, as a table of two points an ink: every ink takes its complement's part of the light away."""
    lab = bytearray()
    for c in (0, 1):
        for m in (0, 1):
            for y in (0, 1):
                for k in (0, 1):
                    light = np.array([1 - 0.9 * c, 1 - 0.85 * m, 1 - 0.8 * y]) * (1 - 0.93 * k)
                    xyz = colorants(SRGB) @ light
                    f = np.cbrt(np.maximum(xyz / np.array(D50), 1e-4))
                    values = (116 * f[1] - 16) * 2.55, 500 * (f[0] - f[1]) + 128, 200 * (f[1] - f[2]) + 128
                    lab += bytes(int(np.clip(round(v), 0, 255)) for v in values)
    ramp = bytes(range(256))
    identity = b"".join(s15(v) for v in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + bytes(lab) + ramp * 3
    return assemble(b"CMYK", b"prtr", b"Lab ", [(b"desc", text(name)), (b"wtpt", xyz_tag(D50)), (b"A2B0", table)],
                    version=0x02400000)
