"""Goldens of resampling and thumbnails: Pillow's results as checksums (equality is required)."""

import PIL
from PIL import Image

import scene

SIZES = [  # picture, result: down and up, one pixel, only one direction, height first, odd tails of vectors
    (64, 48, 32, 24), (64, 48, 64, 12), (64, 48, 17, 48), (61, 47, 122, 94), (500, 40, 5, 4), (40, 500, 4, 5),
    (1, 1, 4, 4), (1, 90, 1, 9), (90, 1, 9, 1), (33, 29, 1, 1), (5, 7, 20, 28), (130, 131, 32, 32), (16, 45, 33, 8),
    (71, 72, 21, 6), (2, 252, 1, 158),
    (60, 100, 40, 50), (60, 100, 40, 60), (61, 101, 41, 60), (300, 200, 47, 31), (3, 3, 2, 9), (63, 65, 62, 66),
    (200, 33, 2, 3),
]


def main():
    cases = []
    for number, (width, height, out_width, out_height) in enumerate(SIZES):
        for channels in (1, 3):
            for name in ("bilinear", "lanczos"):
                picture = scene.spec(("noise", "smooth", "edges")[number % 3], width, height, channels, number + 1)
                result = scene.make_scene(picture).resize((out_width, out_height), Image.Resampling[name.upper()])
                cases.append(picture | {"filter": name, "out_width": out_width, "out_height": out_height,
                                        "checksum": scene.checksum(result)})
    scene.write_golden("resample.json", f"Pillow {PIL.__version__}", cases)

    cases = []
    for width, height in ((640, 480), (480, 640), (151, 150), (10, 1000), (1000, 10), (100, 80), (333, 331), (3, 700)):
        for box in ((150, 150), (64, 200), (7, 3), (1, 1)):
            picture = scene.spec("smooth", width, height, 3)
            result = scene.make_scene(picture)
            result.thumbnail(box, Image.Resampling.LANCZOS, reducing_gap=None)
            cases.append(picture | {"box": box, "out_width": result.width, "out_height": result.height,
                                    "checksum": scene.checksum(result)})
    scene.write_golden("thumbnail.json", f"Pillow {PIL.__version__}", cases)


main()
