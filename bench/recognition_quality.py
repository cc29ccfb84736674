#!/usr/bin/env python3
"""Fits the recognition quality of faces (src/ops/recognition_quality.cpp), and shows what its floor does.

    PYTHONPATH=build/dev/python bench/recognition_quality.py measure LFW/images measured [--first N] [--photos N] \
        [--part I/N] [--cells KIND STRENGTH,...]
    bench/recognition_quality.py fit measured
    bench/recognition_quality.py report measured [--svg docs/recognition_quality.svg]

`measure` degrades every photo in each way of the grid, and writes what mien finds in it, a file for 20 photos: go on
with the same command after a stop, and run parts side by side. `fit` prints thresholds and slopes, fitted on half of
the people. `report` prints the tables of docs/models.md: what the measure that is built in does on the other half, and
what fits do that have not seen a kind. File names are PERSON_NUMBER.jpg, as LFW has them; of several faces the one
nearest the middle counts. Needs numpy, OpenCV and Pillow, and SciPy for fits.
"""
import argparse
import io
import os
import pathlib
import zlib

import numpy as np

SEARCH, VERIFY = 0.478, 0.385  # thresholds of the default embedder
FLOOR = 0.5
PHOTOS_A_FILE = 20
PHOTOS_FITTED = 800  # the people of the first photos, in an order by chance, are those that fits see

# ---- The grid: blur and size as a share, or in pixels, of the face's width


def gauss(image, width, strength, _):
    import cv2
    return cv2.GaussianBlur(image, (0, 0), strength * width)


def box(image, width, strength, _):
    import cv2
    radius = strength * width
    whole = int(np.ceil(radius))
    kernel = np.ones(2 * whole + 1)
    kernel[0] = kernel[-1] = radius - (whole - 1)
    return cv2.sepFilter2D(image, -1, kernel / kernel.sum(), kernel / kernel.sum())


def defocus(image, width, strength, _):
    """A disc, as a lens makes of a point."""
    import cv2
    radius = strength * width
    at = np.arange(-int(radius) - 1, int(radius) + 2)
    disc = np.clip(radius + .5 - np.hypot(at, at[:, None]), 0, 1)
    return cv2.filter2D(image, -1, disc / disc.sum())


def motion(angle):
    def move(image, width, strength, _):
        import cv2
        length = strength * width
        half = int(np.ceil(length / 2)) + 1
        kernel = np.zeros((2 * half + 1, 2 * half + 1))
        for at in np.linspace(-length / 2, length / 2, 16 * half + 1):
            x, y = half + at * np.cos(np.radians(angle)), half + at * np.sin(np.radians(angle))
            left, top = int(x), int(y)
            for dx, of_x in ((0, 1 - x + left), (1, x - left)):
                for dy, of_y in ((0, 1 - y + top), (1, y - top)):
                    if of_x * of_y > 0:
                        kernel[top + dy, left + dx] += of_x * of_y
        return cv2.filter2D(image, -1, kernel / kernel.sum())
    return move


def dark(image, _width, strength, random):
    return np.clip(np.rint(image * strength + random.normal(0, 2, image.shape)), 0, 255).astype(np.uint8)


def overexposed(image, _width, strength, _):
    return np.clip(image.astype(np.float32) * strength, 0, 255).astype(np.uint8)


def resize(image, ratio, how):
    from PIL import Image
    size = tuple(max(1, round(side * ratio)) for side in image.shape[1::-1])
    return np.asarray(Image.fromarray(image).resize(size, getattr(Image.Resampling, how)))


def back(image, small, how):
    from PIL import Image
    return np.asarray(Image.fromarray(small).resize(image.shape[1::-1], getattr(Image.Resampling, how)))


def reduced(image, width, strength, _):
    return back(image, resize(image, strength / width, "LANCZOS"), "BICUBIC")


def mosaic(image, width, strength, _):
    return back(image, resize(image, strength / width, "BOX"), "NEAREST")


def tiny(image, width, strength, _):
    small = resize(image, strength / width, "LANCZOS")
    canvas = np.full_like(image, 120)
    top, left = (canvas.shape[0] - small.shape[0]) // 2, (canvas.shape[1] - small.shape[1]) // 2
    canvas[top:top + small.shape[0], left:left + small.shape[1]] = small
    return canvas


def jpeg(image, _width, strength, _):
    from PIL import Image
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=int(strength))
    return np.asarray(Image.open(file).convert("RGB"))


def haze(image, _width, strength, _):
    return np.rint(image * (1 - strength) + 215 * strength).astype(np.uint8)


# name, what it does, strengths
GRID = [
    ("clean", lambda image, *_: image, (0,)),
    ("gauss", gauss, (.01, .02, .03, .04, .05)),
    ("box", box, (.03, .05)),
    ("motion across", motion(0), (.05, .09, .14)),
    ("motion diagonal", motion(45), (.05, .09, .14)),
    ("motion down", motion(90), (.05, .09, .14)),
    ("motion slanted", motion(25), (.09, .14)),
    ("defocus", defocus, (.03, .05)),
    ("dark", dark, (.04, .06, .08, .12, .2, .3)),
    ("overexposed", overexposed, (2, 3)),
    ("reduced", reduced, (12, 16, 20, 24, 28, 34, 40)),
    ("tiny", tiny, (12, 20, 28)),
    ("mosaic", mosaic, (12, 18, 26)),
    ("jpeg", jpeg, (10,)),
    ("haze", haze, (.7, .85, .93)),
]

# ---- Measuring with mien


def nearest_face(analysis):
    def distance(face):
        x1, y1, x2, y2 = face.bbox
        return (x1 + x2 - analysis.width) ** 2 + (y1 + y2 - analysis.height) ** 2
    return min(analysis.faces, key=distance, default=None)


def measure_photo(engine, path, cells, rows):
    import mien
    from PIL import Image
    image = np.asarray(Image.open(path).convert("RGB"))
    clean = nearest_face(engine.analyze(image, colours="rgb", face_quality=False))
    if clean is None:
        return
    width = float(clean.bbox[2] - clean.bbox[0])
    for kind, change, strengths in GRID:
        for strength in strengths:
            if cells and f"{kind} {strength:g}" not in cells:
                continue
            random = np.random.default_rng(zlib.crc32(f"{path.name} {kind} {strength}".encode()))
            photo = np.ascontiguousarray(change(image, width, strength, random))
            face = nearest_face(engine.analyze(photo, colours="rgb", face_quality=False))
            if face is None or face.embedding is None:
                continue
            aligned = mien._mien.align_face(photo, "rgb", [tuple(map(float, point)) for point in face.landmarks], 112)
            gray = np.rint(aligned @ np.array([.299, .587, .114])).astype(np.uint8)
            rows.append((path.name, kind, strength, eye_distance(face.landmarks), gray, face.embedding.copy(),
                         face.recognition_quality))


def measure(arguments):
    import mien
    engine = mien.Engine()
    paths = sorted(pathlib.Path(arguments.images).iterdir())
    random = np.random.default_rng(1)
    people = sorted({person_of(path.name) for path in paths})
    order = {person: at for at, person in enumerate(random.permutation(people))}
    paths.sort(key=lambda path: (order[person_of(path.name)], path.name))
    fitted = {person_of(path.name) for path in paths[:PHOTOS_FITTED]}
    paths = paths[arguments.first:][:arguments.photos]
    part, parts = map(int, arguments.part.split("/"))
    os.makedirs(arguments.measured, exist_ok=True)
    for first in range(part * PHOTOS_A_FILE, len(paths), parts * PHOTOS_A_FILE):
        out = pathlib.Path(arguments.measured) / f"{arguments.first + first:06}.npz"
        if out.exists():
            continue
        rows = []
        for path in paths[first:first + PHOTOS_A_FILE]:
            measure_photo(engine, path, arguments.cells and arguments.cells.split(","), rows)
        names = ("name", "kind", "strength", "size", "gray", "embedding", "quality")
        partial = out.with_suffix(".part.npz")
        columns = {name: np.array(column) for name, column in zip(names, zip(*rows))}
        np.savez(partial, fitted=np.array([person_of(row[0]) in fitted for row in rows]), **columns)
        partial.rename(out)


def person_of(name):
    return name.rsplit("_", 1)[0]


TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
                     [70.7299, 92.2041]])


def eye_distance(landmarks):
    """Pixels between the eyes of a face whose landmarks are the template's but for a similarity."""
    points, template = landmarks - landmarks.mean(0), TEMPLATE - TEMPLATE.mean(0)
    norm = (points ** 2).sum()
    a = (points * template).sum() / norm
    b = (points[:, 0] * template[:, 1] - points[:, 1] * template[:, 0]).sum() / norm
    return 35.238 / np.hypot(a, b)


# ---- The measures of src/ops/recognition_quality.cpp, of many faces at once

LEFT, TOP, WIDTH, HEIGHT = 24, 28, 64, 72
# Where the first line begins, the way along a line and from line to line, pixels and lines, the weight, and the
# logarithm of the power of good faces as a parabola over the logarithm of the frequency.
DIRECTIONS = (((24, 28), (1, 0), (0, 1), 64, 72, 1, (-6.905, -8.076, -1.05)),
              ((24, 28), (0, 1), (1, 0), 72, 64, 1, (-4.017, -6.285, -.762)),
              ((56, 18), (1, 1), (-1, 1), 47, 47, 1.25, (-5.686, -7.233, -.903)),
              ((56, 18), (-1, 1), (1, 1), 47, 47, 1.25, (-5.686, -7.233, -.903)))
FREQUENCIES = np.arange(1, 15) / 72
COARSE = 5  # of the frequencies, that tell how strong a face's detail is
LOST, LEAST_POWER = .08, .02
TERMS = ("resolution", "contrast", "relative contrast", "noise", "flatness", "exposed", "size", "norm")
LESS_IS_BETTER = ("noise", "flatness")
START = {"resolution": (.117, 15), "contrast": (5.5, 11), "relative contrast": (.036, 10), "noise": (.35, 4),
         "flatness": (1.6, 16), "exposed": (.41, 5), "size": (7.3, 16), "norm": (2.35, 16)}


def power_along(gray, direction):
    (left, top), along, across, pixels, lines, _, _ = direction
    at, line = np.arange(pixels), np.arange(lines)[:, None]
    values = gray[:, top + at * along[1] + line * across[1], left + at * along[0] + line * across[0]]
    window = np.hanning(pixels + 2)[1:-1]
    phase = 2 * np.pi * np.hypot(*along) * FREQUENCIES[:, None] * (at - (pixels - 1) / 2)
    waves = np.concatenate([np.cos(phase), np.sin(phase)]) * window
    waves = (waves - window * waves.sum(1, keepdims=True) / window.sum()) / np.sqrt((window ** 2).sum())
    found = values @ waves.T
    return (found ** 2).mean(1).reshape(len(gray), 2, -1).sum(1)


def resolution_of(gray, noise):
    frequency = np.log(FREQUENCIES)
    power = np.stack([np.log(np.maximum(0, power_along(gray, direction) - noise[:, None] / 2) + LEAST_POWER)
                      - np.polyval(direction[-1][::-1], frequency) for direction in DIRECTIONS], 1)
    power -= power[:, :, :COARSE].mean((1, 2))[:, None, None]
    kept = np.exp(np.minimum.accumulate(np.minimum(power, 0), 2))
    reach = (kept ** 2 / (kept ** 2 + LOST ** 2)).sum(2) * FREQUENCIES[0]
    return (reach * [direction[-2] for direction in DIRECTIONS]).min(1)


def measures_of(gray, size, norm):
    gray = gray.astype(np.int32)
    here = gray[:, TOP:TOP + HEIGHT, LEFT:LEFT + WIDTH]

    def there(x, y):
        return gray[:, TOP + y:TOP + y + HEIGHT, LEFT + x:LEFT + x + WIDTH]

    def mean_square(x, y):
        return ((there(x, y) - here) ** 2).mean((1, 2))

    noise = np.maximum(0, np.minimum(4 * mean_square(1, 0) - mean_square(2, 0),
                                     4 * mean_square(0, 1) - mean_square(0, 2)) / 3)
    far = np.maximum(0, np.mean([mean_square(*step) for step in ((8, 0), (0, 8), (6, 6), (-6, 6))], 0) - noise)
    contrast = np.sqrt(far / 2)

    def peakedness(step):
        """The mean square over the squared mean of differences that are not blown out."""
        squares, sizes = [], []
        for x, y in ((step, 0), (0, step)):
            counts = (here < 250) & (there(x, y) < 250)
            difference = (there(x, y) - here) * counts
            count = np.maximum(1, counts.sum((1, 2)))
            squares.append((difference ** 2).sum((1, 2)) / count)
            sizes.append(np.abs(difference).sum((1, 2)) / count)
        return np.maximum(1, np.mean(squares, 0) / (np.mean(sizes, 0) ** 2 + 1e-6))

    return {"resolution": resolution_of(gray, noise), "contrast": contrast,
            "relative contrast": contrast / (here.mean((1, 2)) + 1), "noise": noise / np.maximum(here.var((1, 2)), 1),
            "flatness": peakedness(1) / peakedness(3), "exposed": (here < 250).mean((1, 2)), "size": size,
            "norm": norm}


def load(folder):
    columns = {}
    for path in sorted(pathlib.Path(folder).glob("[0-9]*.npz")):
        with np.load(path) as file:
            for name in file.files:
                columns.setdefault(name, []).append(file[name])
    data = {name: np.concatenate(parts) for name, parts in columns.items()}
    data["person"] = np.array([person_of(name) for name in data["name"]])
    data["cell"] = np.array([f"{kind} {strength:g}" for kind, strength in zip(data["kind"], data["strength"])])
    norm = np.linalg.norm(data["embedding"], axis=1)
    data["unit"] = data["embedding"] / norm[:, None]
    parts = [measures_of(data["gray"][i:i + 500], data["size"][i:i + 500], norm[i:i + 500])
             for i in range(0, len(norm), 500)]
    data["measures"] = np.log(np.stack([np.maximum(1e-6, np.concatenate([part[name] for part in parts]))
                                        * 1.0 for name in TERMS], 1))
    for name in LESS_IS_BETTER:
        data["measures"][:, TERMS.index(name)] *= -1
    return data


# ---- Pairs


class Pairs:
    """All pairs among some faces."""

    def __init__(self, data, chosen):
        self.first, self.second = np.triu_indices(len(chosen), 1)
        unit = data["unit"][chosen]
        self.similarity = (unit @ unit.T)[self.first, self.second]
        person = data["person"][chosen]
        self.is_same = person[self.first] == person[self.second]

    def best(self, quality):
        return np.maximum(quality[self.first], quality[self.second])


def upper_limit(count, of):
    """Of a rate, 95 %: the exact limit of Clopper and Pearson by the chi-squared distribution."""
    from scipy.stats import chi2
    return chi2.ppf(.95, 2 * count + 2) / 2 / of if of else float("nan")


# ---- The fit

# What a fit aims at is a little more than what is asked for, so that other people get that. Slopes stay below one at
# which the rounding of pixels decides.
AIM_SEARCH, AIM_VERIFY, AIM_KEPT, AIM_CLEAN = 6e-5, 8e-4, .92, .985
FLOOR_COUNTS = 1e-4  # kinds whose rate without a floor is higher may lose their matches
STEEPEST = 16
HARD = 3  # exponent that brings the quality nearer to a yes or no


def signs():
    return np.array([-1 if name in LESS_IS_BETTER else 1 for name in TERMS])


def harms(terms, measures):
    return np.exp(np.clip(terms[:, 1] * (terms[:, 0] - measures), -40, 15))


def odds(terms, measures):
    return harms(terms, measures).sum(1)


class Cell:
    """Faces of a kind at a strength, and the pairs of them that a floor is about."""

    def __init__(self, data, faces):
        pairs = Pairs(data, faces)
        self.faces, self.is_clean = faces, data["kind"][faces[0]] == "clean"
        strangers = pairs.similarity[~pairs.is_same]
        self.counts = (strangers >= SEARCH).mean() <= 1.05 * FLOOR_COUNTS
        self.search, self.verify = ((pairs.first[chosen], pairs.second[chosen]) for chosen in (
            ~pairs.is_same & (pairs.similarity >= SEARCH), ~pairs.is_same & (pairs.similarity >= VERIFY)))
        same = pairs.is_same & (pairs.similarity >= SEARCH)
        self.same = pairs.first[same], pairs.second[same]

    def loss(self, good):
        """And its slope by how good each face is, from 0 to 1: a pair is comparable where one of its faces is good."""
        count, bad = len(good), 1 - good
        slope, loss = np.zeros(count), 0.

        def comparable(pairs):
            first, second = pairs
            by_face = np.bincount(first, bad[second], count) + np.bincount(second, bad[first], count)
            return (1 - bad[first] * bad[second]).sum(), by_face

        among = count * (count - 1) / 2 - (bad.sum() ** 2 - (bad ** 2).sum()) / 2
        for pairs, rate, scale in ((self.search, AIM_SEARCH, 1), (self.verify, AIM_VERIFY, 5)):
            false, by_face = comparable(pairs)
            excess = (false - rate * among) / scale
            if excess > 0:
                loss += np.log1p(excess)
                slope += (by_face - rate * (bad.sum() - bad)) / scale / (1 + excess)
        if self.counts and len(self.same[0]) > 20:
            kept, by_face = comparable(self.same)
            lack = (.998 if self.is_clean else AIM_KEPT) - kept / len(self.same[0])
            if lack > 0:
                loss += 60 * lack ** 2 + 20 * lack
                slope -= (120 * lack + 20) * by_face / len(self.same[0])
        if self.is_clean and good.mean() < AIM_CLEAN:
            loss += 2000 * (AIM_CLEAN - good.mean()) ** 2
            slope -= 4000 * (AIM_CLEAN - good.mean()) / count
        return loss, slope


def fit(data, chosen):
    """The thresholds and slopes for which few strangers match among comparable pairs, and few matches are lost."""
    from scipy.optimize import minimize
    start = np.array([[sign * np.log(START[name][0]), START[name][1]] for name, sign in zip(TERMS, signs())])
    faces = [np.flatnonzero(chosen & (data["cell"] == cell)) for cell in np.unique(data["cell"][chosen])]
    cells = [Cell(data, of_cell) for of_cell in faces if len(of_cell) >= 30]
    measures = data["measures"][np.concatenate([cell.faces for cell in cells])]
    ends = np.cumsum([len(cell.faces) for cell in cells])[:-1]

    def loss(values):
        terms = np.stack([values[:len(TERMS)], np.exp(values[len(TERMS):])], 1)
        by_term = harms(terms, measures)
        odd = by_term.sum(1)
        good = 1 / (1 + odd ** HARD)
        losses = [cell.loss(part) for cell, part in zip(cells, np.split(good, ends))]
        by_odds = -np.concatenate([slope for _, slope in losses]) * HARD * good * (1 - good) / odd
        by_threshold = (by_odds[:, None] * by_term * terms[:, 1]).sum(0)
        by_slope = (by_odds[:, None] * by_term * terms[:, 1] * (terms[:, 0] - measures)).sum(0)
        moved = values - first
        return (sum(loss for loss, _ in losses) + .02 * (moved ** 2).sum(),
                np.concatenate([by_threshold, by_slope]) + .04 * moved)

    first = np.concatenate([start[:, 0], np.log(start[:, 1])])
    bounds = [(None, None)] * len(TERMS) + [(np.log(2), np.log(STEEPEST))] * len(TERMS)
    found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60}).x
    return np.stack([found[:len(TERMS)], np.exp(found[len(TERMS):])], 1)


def print_terms(terms):
    for name, (threshold, slope) in zip(TERMS, terms):
        sign = -1 if name in LESS_IS_BETTER else 1
        print(f"{name:18} {np.exp(sign * threshold):7.4f}, {sign * slope:5.1f}")


# ---- What the floor does


def cell_row(data, name, faces, quality):
    pairs = Pairs(data, faces)
    best = pairs.best(quality[faces])
    strangers = ~pairs.is_same
    comparable = strangers & (best >= FLOOR)
    of = int(comparable.sum())
    false = int((pairs.similarity[comparable] >= SEARCH).sum())
    verify = int((pairs.similarity[comparable] >= VERIFY).sum())
    matched = pairs.is_same & (pairs.similarity >= SEARCH)
    kept = f"{(best[matched] >= FLOOR).mean():.1%}" if matched.any() else "-"
    return (f"| {name} | {(quality[faces] >= FLOOR).mean():.1%} | {(pairs.similarity[strangers] >= SEARCH).mean():.1e} "
            f"| {of:,} | {false} | {upper_limit(false, of):.1e} | {verify / max(1, of):.1e} | {kept} |")


def against_clean(data, cell, clean, quality):
    """Of pairs of one person, a good photo and one of a cell, that match by the threshold: all are comparable."""
    matched = kept = 0
    for face in np.flatnonzero(cell):
        others = clean & (data["person"] == data["person"][face]) & (data["name"] != data["name"][face])
        similar = data["unit"][others] @ data["unit"][face] >= SEARCH
        matched += int(similar.sum())
        kept += int((similar & ((quality[others] >= FLOOR) | (quality[face] >= FLOOR))).sum())
    return f"{kept} of {matched}"


HEAD = ("| photos | above the floor | rate without a floor | comparable pairs | false | upper limit | verify "
        "| matches kept |\n|---|---|---|---|---|---|---|---|")


def report(arguments):
    data = load(arguments.measured)
    others = ~data["fitted"]
    people = len(np.unique(data["person"][others]))
    print(f"built in, {people} people that no fit has seen\n\n{HEAD}")
    built_in = data["quality"].astype(float)
    cells = list(dict.fromkeys(data["cell"]))
    for cell in cells:
        faces = np.flatnonzero(others & (data["cell"] == cell))
        if len(faces) > 1:
            print(cell_row(data, cell, faces, built_in))
    mixed = np.flatnonzero(others)
    mixed = np.sort(np.random.default_rng(5).permutation(mixed)[:arguments.mixed])
    print(cell_row(data, "all mixed", mixed, built_in))
    clean = others & (data["kind"] == "clean")
    print("\ntrue matches of a good photo and a poor one that stay: "
          + "; ".join(f"{cell}: {against_clean(data, others & (data['cell'] == cell), clean, built_in)}"
                      for cell in cells))
    print(f"\nfits that have not seen the kind\n\n{HEAD}")
    for kind, _, _ in GRID[1:]:
        terms = fit(data, data["fitted"] & (data["kind"] != kind))
        quality = 1 / (1 + odds(terms, data["measures"]))
        for cell in cells:
            faces = np.flatnonzero(others & (data["cell"] == cell) & (data["kind"] == kind))
            if len(faces) > 1:
                print(cell_row(data, cell, faces, quality))
    if arguments.svg:
        write_picture(data, others, built_in, arguments.svg)


def write_picture(data, others, quality, path):
    """The measure against the similarity to the clean photo of the same face, a dot a degraded photo."""
    clean = {name: unit for name, unit, kind in zip(data["name"], data["unit"], data["kind"]) if kind == "clean"}
    chosen = np.flatnonzero(others & (data["kind"] != "clean"))
    chosen = np.random.default_rng(7).permutation(chosen)[:2500]
    dots = []
    for face in chosen:
        if data["name"][face] not in clean:
            continue
        similarity = float(clean[data["name"][face]] @ data["unit"][face])
        dots.append(f"M{40 + 340 * quality[face]:.0f} {250 - 220 * max(0, similarity):.0f}h0")
    x, y = 40 + 340 * FLOOR, 250 - 220 * SEARCH
    text = 'font-family="sans-serif" font-size="11" fill="#444"'
    pathlib.Path(path).write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 290" role="img" '
        'aria-label="Recognition quality and similarity to the good photo of the same face">\n'
        '<rect width="400" height="290" fill="#fff"/><path d="M40 30V250H380" fill="none" stroke="#444"/>\n'
        f'<path d="M{x} 30V250M40 {y:.0f}H380" stroke="#b33" stroke-dasharray="4 3"/>\n'
        f'<path d="{"".join(dots)}" stroke="#1f5fa8" stroke-opacity=".35" stroke-width="3" stroke-linecap="round"/>\n'
        f'<text x="210" y="278" text-anchor="middle" {text}>recognition quality, floor 0.5</text>\n'
        f'<text x="40" y="20" {text}>similarity to the good photo of the same face; search threshold 0.478</text>\n'
        f'<text x="40" y="263" {text}>0</text><text x="374" y="263" {text}>1</text>\n'
        f'<text x="28" y="254" {text}>0</text><text x="28" y="36" {text}>1</text>\n</svg>\n', encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("images")
    measuring.add_argument("measured")
    measuring.add_argument("--first", type=int, default=0, help="the photo to begin with")
    measuring.add_argument("--photos", type=int)
    measuring.add_argument("--part", default="0/1")
    measuring.add_argument("--cells", help="some of the grid alone: 'clean 0,gauss 0.02'")
    commands.add_parser("fit").add_argument("measured")
    reporting = commands.add_parser("report")
    reporting.add_argument("measured")
    reporting.add_argument("--svg")
    reporting.add_argument("--mixed", type=int, default=4000, help="faces of the mixed pool")
    arguments = parser.parse_args()
    if arguments.command == "measure":
        measure(arguments)
    elif arguments.command == "fit":
        data = load(arguments.measured)
        print_terms(fit(data, data["fitted"]))
    else:
        report(arguments)


if __name__ == "__main__":
    main()
