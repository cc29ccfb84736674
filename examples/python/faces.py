"""Prints the faces of each photo: python faces.py photo.jpg ..."""

import sys

import mien


def main() -> None:
    for path in sys.argv[1:]:
        try:
            analysis = mien.analyze(path)
        except (mien.Error, OSError) as error:
            print(f"{path}: {error}")
            continue
        print(f"{path}: {analysis.width}x{analysis.height}")
        for face in analysis.faces:
            x1, y1, x2, y2 = face.bbox
            quality = face.quality.overall_score if face.quality else 0.0
            print(f"  {face.det_score:.2f}  ({x1:.0f}, {y1:.0f}) to ({x2:.0f}, {y2:.0f})  quality {quality:.2f}")


if __name__ == "__main__":
    main()
