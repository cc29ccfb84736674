"""Goldens of the perceptual hash: imagehash.phash with its defaults."""

import imagehash
import PIL
import scipy

import scene

SIZES = [(32, 32), (64, 64), (200, 150), (31, 40), (1, 1), (1, 60), (320, 32), (33, 400), (640, 480)]


def main():
    cases = []
    for number, (width, height) in enumerate(SIZES):
        for channels in (1, 3):
            for name in ("noise", "smooth", "edges", "mirrored"):
                picture = scene.spec(name, width, height, channels, number + 1)
                cases.append(picture | {"phash": str(imagehash.phash(scene.make_scene(picture)))})
    made_with = f"imagehash {imagehash.__version__}, scipy {scipy.__version__}, Pillow {PIL.__version__}"
    scene.write_golden("phash.json", made_with, cases)


main()
