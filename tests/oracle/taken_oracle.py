"""Makes tests/data/images/taken: small images that state when they were taken, and what exiftool reads in them.

    python3 tests/oracle/taken_oracle.py          check that the committed goldens still hold
    python3 tests/oracle/taken_oracle.py --write  make images and goldens anew

exiftool writes the tags and reads them back. Which of them counts is decided here, in the words of docs/formats.md:
what EXIF says of the original, what XMP says of it, then the same of the digitized picture. Needs exiftool
(libimage-exiftool-perl).
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/data"
TAKEN = DATA / "images/taken"
GOLDENS = TAKEN / "goldens.json"

BEGINNINGS = {"jpg": "images/jpeg_17x13.jpg", "png": "images/png_1x1.png", "tif": "formats/tiff_strips.tif",
              "webp": "formats/webp_lossless.webp", "gif": "formats/gif_gray.gif", "heic": "images/heif/heic_gray.heic",
              "avif": "images/heif/avif_gray.avif"}
ORIGINAL = "-ExifIFD:DateTimeOriginal=2019:07:04 12:30:05"
ZONE = "-ExifIFD:OffsetTimeOriginal=+02:00"
DIGITIZED = ["-ExifIFD:CreateDate=2021:01:02 03:04:05", "-ExifIFD:OffsetTimeDigitized=-05:30"]
EDITED = ["-IFD0:ModifyDate=2022:02:02 02:02:02", "-XMP-xmp:ModifyDate=2022:02:02 02:02:02"]
XMP = "-XMP-photoshop:DateCreated=2001:02:03 04:05:06.789+01:00"
WITH_EXIF = ("jpg", "png", "tif", "webp", "heic", "avif")
# What exiftool is told to write, by name.
FILES = {
    **{f"exif.{kind}": [ORIGINAL, ZONE, *DIGITIZED, *EDITED, XMP] for kind in WITH_EXIF},
    **{f"xmp.{kind}": [XMP, *EDITED] for kind in BEGINNINGS},
    "digitized.jpg": DIGITIZED + EDITED,
    "original_in_xmp.jpg": DIGITIZED + ["-XMP-exif:DateTimeOriginal=1999:12:31 23:59:59"],
    "created.jpg": ["-XMP-xmp:CreateDate=2010:05:06 07:08:09Z"],
    "month.jpg": ["-XMP-photoshop:DateCreated=1965:07"],
    "year.jpg": ["-XMP-photoshop:DateCreated=1965"],
    "day.jpg": ["-XMP-photoshop:DateCreated=1965:07:14"],
    "minutes.jpg": ["-XMP-photoshop:DateCreated=1965:07:14 12:30"],
    "edited_alone.jpg": EDITED,
    "zeros.jpg": ["-ExifIFD:DateTimeOriginal=0000:00:00 00:00:00", XMP],
    "blanks.jpg": ["-ExifIFD:DateTimeOriginal=    :  :     :  :  "],
    "no_day.jpg": ["-ExifIFD:DateTimeOriginal=2019:02:30 12:00:00"],
}
# Each tag and its zone, where that is another tag, in the order in which they count.
ORDER = [("ExifIFD:DateTimeOriginal", "ExifIFD:OffsetTimeOriginal"), ("XMP-photoshop:DateCreated", None),
         ("XMP-exif:DateTimeOriginal", None), ("ExifIFD:CreateDate", "ExifIFD:OffsetTimeDigitized"),
         ("XMP-exif:DateTimeDigitized", None), ("XMP-xmp:CreateDate", None)]


def exiftool(*arguments):
    return subprocess.run(["exiftool", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def taken(tags):
    for name, zone in ORDER:
        text = str(tags.get(name, ""))
        match = re.match(r"(\d{4})(?::(\d\d))?(?::(\d\d))?(?: (\d\d:\d\d)(:\d\d)?[.\d]*(Z|[+-]\d\d:\d\d)?)?$", text)
        if not match or match[1] == "0000":
            continue
        year, month, day, minutes, seconds, stated = match.groups()
        date = "-".join(part for part in (year, month, day) if part)
        if (month, day) == ("02", "30"):
            return f"{year}-{month}"  # the part that a calendar has
        if not minutes:
            return date
        stated = "+00:00" if stated == "Z" else stated or tags.get(zone, "")
        return f"{date}T{minutes}{seconds or ':00'}{stated}"
    return ""


def make():
    shutil.rmtree(TAKEN, ignore_errors=True)
    TAKEN.mkdir()
    for name, tags in FILES.items():
        shutil.copy(DATA / BEGINNINGS[name.rsplit(".")[-1]], TAKEN / name)
        exiftool("-q", "-n", "-overwrite_original", *tags, TAKEN / name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        make()
    read = {}
    for name in sorted(FILES):
        tags = json.loads(exiftool("-j", "-G1", "-n", "-time:all", TAKEN / name))[0]
        read[name] = {"taken": taken(tags), "exiftool": {key: value for key, value in tags.items()
                                                         if key.startswith(("ExifIFD:", "XMP-", "IFD0:"))}}
    if parser.parse_args().write:
        GOLDENS.write_text(json.dumps(read, indent=1) + "\n")
    if json.loads(GOLDENS.read_text()) != read:
        sys.exit(f"exiftool reads something else than {GOLDENS.relative_to(ROOT)} says")


if __name__ == "__main__":
    main()
