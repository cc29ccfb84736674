"""Rows for pandas: one a face."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import _mien

if TYPE_CHECKING:
    import pandas


def face_rows(analysis: _mien.Analysis, source: str | None = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for index, face in enumerate(analysis.faces):
        x1, y1, x2, y2 = (float(value) for value in face.bbox)
        row: dict[str, Any] = {} if source is None else {"source": source}
        row |= {"face": index, "x1": x1, "y1": y1, "x2": x2, "y2": y2, "det_score": face.det_score}
        if face.quality is not None:
            for name in ("overall_score", "blur_score", "brightness", "contrast", "sharpness"):
                row[name] = getattr(face.quality, name)
        row["recognition_quality"] = face.recognition_quality
        row["embedding"] = face.embedding
        rows.append(row)
    return rows


def of_analysis(analysis: _mien.Analysis) -> pandas.DataFrame:
    import pandas

    return pandas.DataFrame(face_rows(analysis))


def of_records(records: Iterable[_mien.Record]) -> pandas.DataFrame:
    """A row a face; images that failed have one row with their error, images without faces have none."""
    import pandas

    rows: list[dict[str, Any]] = []
    for record in records:
        if record.analysis is None:
            rows.append({"source": record.source, "error": str(record.error)})
            continue
        similarity = {match.face: match.similarity for match in record.matches}
        for row in face_rows(record.analysis, record.source):
            if row["face"] in similarity:
                row["similarity"] = similarity[row["face"]]
            rows.append(row)
    return pandas.DataFrame(rows)
