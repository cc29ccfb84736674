"""CPU time of measure_quality against the four measures written with OpenCV and numpy, on one thread.

The two take turns in one run, so that a busy machine slows both; the median of the ratios of neighbours is printed.
    python bench/quality_vs_opencv.py PATH_OF_quality_bench [--repeats 15] [--photo FILE]
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"
import cv2
import numpy as np

cv2.setNumThreads(1)


def opencv_measures(rgb):
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    sx = cv2.Sobel(gray, cv2.CV_64F, 1, 0, ksize=3)
    sy = cv2.Sobel(gray, cv2.CV_64F, 0, 1, ksize=3)
    blur = cv2.Laplacian(gray, cv2.CV_64F).var()
    return blur, gray.mean(), gray.std(), np.sqrt(sx**2 + sy**2).mean()


def pixels(width, height, photo):
    if photo:
        image = cv2.resize(cv2.imread(photo), (width, height), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(image[:, :, ::-1])
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def compare(program, width, height, photo, repeats):
    rgb = pixels(width, height, photo)
    with tempfile.NamedTemporaryFile() as file:
        file.write(rgb.tobytes())
        file.flush()
        child = subprocess.Popen([program, file.name, str(width), str(height), "3"], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        ratios, ours_ms, theirs_ms = [], [], []
        for turn in range(repeats + 2):
            child.stdin.write("\n")
            child.stdin.flush()
            ours, *measures = map(float, child.stdout.readline().split())
            begin = time.process_time()
            expected = opencv_measures(rgb)
            theirs = (time.process_time() - begin) * 1e3
            if turn >= 2:  # the first turns warm caches and the allocator up
                ratios.append(theirs / ours)
                ours_ms.append(ours)
                theirs_ms.append(theirs)
        child.stdin.close()
        child.wait()
    drift = max(abs(a - b) / abs(b) for a, b in zip(measures, expected))
    print(f"{width}x{height}: mien {statistics.median(ours_ms):.2f} ms, OpenCV {statistics.median(theirs_ms):.2f} ms, "
          f"ratio {statistics.median(ratios):.1f} (of {repeats}, {min(ratios):.1f} to {max(ratios):.1f}), "
          f"largest relative difference {drift:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--photo")
    options = parser.parse_args()
    for width, height in ((4000, 3000), (1920, 1080), (640, 480)):
        compare(options.program, width, height, options.photo, options.repeats)


main()
