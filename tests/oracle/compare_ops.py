"""Compares the operations with Pillow, OpenCV, numpy, scipy and imagehash on whole folders of photos.

    python tests/oracle/compare_ops.py [--limit N] FOLDER...

Builds tests/oracle/ops_probe.cpp with src/ops into a shared library first (needs g++ and libhwy). Prints one line an
operation and exits with 1 when one of them differs by more than it may.
"""

import argparse
import ctypes
import pathlib
import subprocess
import sys
import tempfile

import cv2
import imagehash
import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ["tests/oracle/ops_probe.cpp"] + [
    f"src/{name}.cpp"
    for name in ("image/gray", "image/image", "image/phash", "image/resample", "image/resample_kernel", "ops/crop",
                 "ops/enhance", "ops/enhance_kernel", "ops/pose", "ops/quality", "ops/quality_kernel")
]


def build():
    path = pathlib.Path(tempfile.mkdtemp()) / "probe.so"
    subprocess.run(["g++", "-std=c++20", "-O2", "-fPIC", "-shared", f"-I{ROOT}/include", f"-I{ROOT}/src", "-o", path]
                   + [ROOT / source for source in SOURCES] + ["-lhwy"], check=True)
    probe = ctypes.CDLL(path)
    probe.probe_phash.restype = ctypes.c_uint64
    probe.probe_enhance.restype = ctypes.c_double
    return probe


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def shape_of(pixels):
    return pixels.shape[1], pixels.shape[0], 1 if pixels.ndim == 2 else pixels.shape[2]


def resample(probe, pixels, size, kind):
    pixels = np.ascontiguousarray(pixels)
    channels = () if pixels.ndim == 2 or kind == 2 else (3,)
    out = np.empty((size[1], size[0]) + channels, np.uint8)
    probe.probe_resample(pointer(pixels), *shape_of(pixels), *size, kind, pointer(out))
    return out


def quality(probe, pixels):
    out = np.zeros(5)
    probe.probe_quality(pointer(pixels), *shape_of(pixels), pointer(out))
    return out


def enhance(probe, pixels):
    size = np.zeros(2, np.int32)
    scale = probe.probe_enhance(pointer(pixels), *shape_of(pixels), pointer(size), None)
    out = np.empty((size[1], size[0]) + pixels.shape[2:], np.uint8)
    probe.probe_enhance(pointer(pixels), *shape_of(pixels), pointer(size), pointer(out))
    return out, scale


def enhance_with_pillow(image):
    shorter, longer = min(image.size), max(image.size)
    scale = 4 if shorter <= 150 else 3 if shorter <= 250 else 2
    scale = max(1.0, min(scale, 4000 / longer))
    image = image.resize([round(side * scale) for side in image.size], Image.Resampling.LANCZOS)
    image = ImageEnhance.Contrast(image).enhance(1.15)
    image = ImageEnhance.Sharpness(image).enhance(1.1)
    return np.asarray(image.filter(ImageFilter.UnsharpMask(radius=1, percent=120, threshold=3))), scale


def quality_with_opencv(gray):
    """The contract's formulas; `gray` as Pillow makes it."""
    sx = cv2.Sobel(gray, cv2.CV_64F, 1, 0, ksize=3)
    sy = cv2.Sobel(gray, cv2.CV_64F, 0, 1, ksize=3)
    return np.array([cv2.Laplacian(gray, cv2.CV_64F).var(), gray.mean(), gray.std(), np.sqrt(sx**2 + sy**2).mean()])


def quality_difference(ours, theirs):
    return float(np.max(np.abs(ours[:4] - theirs) / np.maximum(np.abs(theirs), 1e-9)))


def compare(probe, image, worst, count):
    """Updates the largest differences with those of one image."""
    def note(name, value):
        worst[name] = max(worst.get(name, 0), value)
        count[name] = count.get(name, 0) + 1

    pixels = np.asarray(image)
    gray = np.asarray(image.convert("L"))
    if pixels.ndim == 3:
        out = np.empty_like(gray)
        probe.probe_gray(pointer(pixels), image.width, image.height, pointer(out))
        note("gray", int(np.abs(out.astype(int) - gray).max()))
        # OpenCV rounds its gray with other weights, so single pixels differ by one.
        theirs = quality_with_opencv(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
        note("quality, OpenCV's gray", quality_difference(quality(probe, pixels), theirs))
    note("quality", quality_difference(quality(probe, pixels), quality_with_opencv(gray)))
    note("phash", int(probe.probe_phash(pointer(pixels), *shape_of(pixels)) != int(str(imagehash.phash(image)), 16)))
    for size in ((150, 113), (max(1, image.width * 3 // 4), image.height), (image.width, 7)):
        for kind, name in enumerate(("BILINEAR", "LANCZOS")):
            theirs = np.asarray(image.resize(size, Image.Resampling[name])).astype(int)
            note("resample", int(np.abs(resample(probe, pixels, size, kind) - theirs).max()))
    if image.width < 500 or image.height < 400:
        ours, scale = enhance(probe, pixels)
        theirs, their_scale = enhance_with_pillow(image)
        note("enhance", int(np.abs(ours.astype(int) - theirs).max()) if scale == their_scale else 255)


LIMITS = {"quality": 1e-6, "quality, OpenCV's gray": 1e-3}  # all others are equal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--limit", type=int, default=0, help="every n-th image so that about this many are compared")
    options = parser.parse_args()
    files = sorted(f for folder in options.folders for f in folder.rglob("*")
                   if f.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if options.limit:
        files = files[:: max(1, len(files) // options.limit)]
    probe = build()
    worst, count = {}, {}
    for number, file in enumerate(files):
        image = Image.open(file)
        image = image.convert("L" if image.mode == "L" or number % 10 == 9 else "RGB")
        compare(probe, image, worst, count)
    failed = False
    for name, value in worst.items():
        good = value <= LIMITS.get(name, 0)
        failed |= not good
        print(f"{'ok  ' if good else 'FAIL'} {name}: largest difference {value:.3g} in {count[name]} comparisons")
    sys.exit(failed)


if __name__ == "__main__":
    main()
