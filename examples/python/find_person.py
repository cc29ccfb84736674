"""Photos of a folder that show the person of a photo: python find_person.py person.jpg folder"""

import sys

import mien


def main() -> None:
    person, folder = sys.argv[1:3]
    with mien.scan([folder], like=person) as scan:
        for record in scan:
            if record.matches:
                best = max(match.similarity for match in record.matches)
                print(f"{best:.2f}  {record.source}")
        if scan.summary is not None:
            print(f"{scan.summary.matched_images} of {scan.summary.images} photos", file=sys.stderr)


if __name__ == "__main__":
    main()
