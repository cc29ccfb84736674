#!/usr/bin/env python3
"""Near copies of labelled photos (bursts, exports): as many groups as without them, and nobody mixed with others?

    bench/near_copies.py make LFW/images FOLDER [--copies 15]    photos, and copies beside them: NAME_0001.07.jpg
    mien scan FOLDER --embeddings base64 --out copies.jsonl
    bench/near_copies.py groups copies.jsonl --put BUILD/put_records --mien BUILD/mien

A copy is the photo compressed anew (JPEG of 35 to 95), and in turns cropped, in another light, or of another size; each
second one has two of these. Of several faces in a photo the one nearest its middle counts. Prints BCubed, groups, and
groups of three and more that mix people, without the copies and with them; and what the mixed ones are made of, whether
those people are one group without copies too. Needs Pillow, numpy and scikit-learn.
"""
import argparse
import collections
import pathlib
import random
import shutil

from groups import LARGE, bcubed, by_mien, centre_faces, row_text

EDGE = 8  # at most an eighth of a side is cut off


def cropped(image, chance):
    left, right = (chance.randint(0, image.width // EDGE // 2) for _ in range(2))
    top, bottom = (chance.randint(0, image.height // EDGE // 2) for _ in range(2))
    return image.crop((left, top, image.width - right, image.height - bottom))


def lit(image, chance):
    from PIL import ImageEnhance  # pylint: disable=import-outside-toplevel
    image = ImageEnhance.Brightness(image).enhance(chance.uniform(.6, 1.4))
    return ImageEnhance.Contrast(image).enhance(chance.uniform(.75, 1.25))


def resized(image, chance):
    by = chance.uniform(.7, 1.3)
    return image.resize((round(image.width * by), round(image.height * by)))


CHANGES = (cropped, lit, resized)


def make(options):
    from PIL import Image  # pylint: disable=import-outside-toplevel
    options.folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(options.photos.rglob("*.jpg")):
        chance = random.Random(path.stem)
        shutil.copy2(path, options.folder / path.name)
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        for number in range(1, options.copies + 1):
            copy = CHANGES[number % len(CHANGES)](image, chance)
            if number % 2:
                copy = CHANGES[(number + 1) % len(CHANGES)](copy, chance)
            copy.save(options.folder / f"{path.stem}.{number:02}.jpg", quality=chance.randint(35, 95))


def photo_of(row):
    """The photo that a row's is a copy of."""
    return pathlib.Path(row[0]["source"]).stem.partition(".")[0]


def groups(options):
    rows = centre_faces(options.photos)
    originals = [row for row in rows if "." not in pathlib.Path(row[0]["source"]).stem]
    print("| photos | count | precision | recall | F | groups | mixed | wrong faces |\n" + "|---" * 8 + "|")
    partitions = {}
    for name, some in (("without copies", originals), ("with copies", rows)):
        partitions[name] = by_mien(some, options)
        print(row_text(name, len(some), bcubed(partitions[name], [row[2] for row in some])), flush=True)
    counts = [len(set(labels)) for labels in partitions.values()]
    together = collections.defaultdict(set)
    for label, row in zip(partitions["without copies"], originals):
        together[label].add(photo_of(row))
    mixed = collections.defaultdict(list)
    for label, row in zip(partitions["with copies"], rows):
        mixed[label].append(row)
    for faces in mixed.values():
        people = collections.Counter(row[2] for row in faces)
        if len(faces) >= LARGE and len(people) > 1:
            photos = {photo_of(row) for row in faces}
            there = any(photos <= group for group in together.values())
            print(f"mixed: {dict(people)}, of {len(photos)} photos that are {'' if there else 'not '}one group without "
                  "copies")
    print(f"{counts[1] / counts[0]:.2f} times as many groups")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "groups"])
    parser.add_argument("photos", type=pathlib.Path, help="the folder of the photos; for `groups` the records")
    parser.add_argument("folder", type=pathlib.Path, nargs="?", help="of photos and copies, to be made")
    parser.add_argument("--copies", type=int, default=15)
    parser.add_argument("--put", default="build/dev/put_records", help="the tests' program")
    parser.add_argument("--mien", default="build/release/mien", help="the program")
    options = parser.parse_args()
    {"make": make, "groups": groups}[options.what](options)


if __name__ == "__main__":
    main()
