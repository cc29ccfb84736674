"""Goldens of enhancement: Pillow's ImageEnhance and UnsharpMask as checksums; and a proof that the whole-number
formulas of src/ops/enhance_kernel.cpp equal Pillow's arithmetic for every input."""

import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageFilter

import scene

SIZES = [(40, 30), (151, 160), (1, 1), (2, 9), (9, 2), (3, 3), (251, 252), (33, 140)]


def enhance(image, scale):
    image = image.resize([side * scale for side in image.size], Image.Resampling.LANCZOS)
    image = ImageEnhance.Contrast(image).enhance(1.15)
    image = ImageEnhance.Sharpness(image).enhance(1.1)
    return image.filter(ImageFilter.UnsharpMask(radius=1, percent=120, threshold=3))


def prove_formulas():
    total = np.arange(13 * 255 + 1)  # of the 3 x 3 weights
    smooth = (total.astype(np.float64) / 13 + 0.5).astype(int)
    assert (((2 * total + 13) * 20165 >> 19) == smooth).all()

    smooth, value = np.meshgrid(np.arange(256), np.arange(256))
    blend = smooth + np.float32(1.1) * (value - smooth).astype(np.float32)
    pillow = np.clip(blend.astype(np.float32), 0, 255).astype(int)
    assert (np.minimum(np.maximum(11 * value - smooth, 0) * 6554 >> 16, 255) == pillow).all()

    centre, sides = np.meshgrid(np.arange(256), np.arange(511))
    pillow = centre * 11184811 + sides * 2796202 + (1 << 23) >> 24
    assert ((4 * centre + sides + 3 - (centre < 2 * sides)) * 10923 >> 16 == pillow).all()

    difference = np.arange(256)
    assert (difference * 6 * 13108 >> 16 == difference * 120 // 100).all()


def main():
    prove_formulas()
    cases = []
    for number, (width, height) in enumerate(SIZES):
        for channels in (1, 3):
            for name in ("noise", "smooth", "edges"):
                scale = 4 if min(width, height) <= 150 else 3 if min(width, height) <= 250 else 2
                picture = scene.spec(name, width, height, channels, number + 1)
                cases.append(picture | {"scale": scale,
                                        "checksum": scene.checksum(enhance(scene.make_scene(picture), scale))})
    scene.write_golden("enhance.json", f"Pillow {PIL.__version__}", cases)


main()
