"""Goldens of the four measures: the contract's formulas with OpenCV and numpy in double precision."""

import cv2
import numpy as np

import scene

SIZES = [(64, 48), (33, 17), (97, 70), (1, 1), (1, 20), (20, 1), (2, 2), (3, 5), (31, 33), (65, 32), (128, 100)]


def measures(gray):
    sx = cv2.Sobel(gray, cv2.CV_64F, 1, 0, ksize=3)
    sy = cv2.Sobel(gray, cv2.CV_64F, 0, 1, ksize=3)
    return {"blur_score": cv2.Laplacian(gray, cv2.CV_64F).var(), "brightness": gray.mean(), "contrast": gray.std(),
            "sharpness": np.sqrt(sx**2 + sy**2).mean()}


def main():
    cases = []
    for number, (width, height) in enumerate(SIZES):
        for channels in (1, 3):
            for name in ("noise", "smooth", "edges"):
                picture = scene.spec(name, width, height, channels, number + 1)
                cases.append(picture | measures(np.asarray(scene.make_scene(picture).convert("L"))))
    scene.write_golden("quality.json", f"OpenCV {cv2.__version__}, numpy {np.__version__}", cases)


main()
