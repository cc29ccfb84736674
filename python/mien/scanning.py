"""scan: many images, as an iterator.

>>> import mien
>>> scan = mien.scan(["photos"], progress=False)
>>> sum(len(record.analysis.faces) for record in scan if record.analysis) > 20
True
>>> scan.summary.failed
0
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from . import _mien, tables
from .engine import Engine, default_engine
from .errors import InvalidArgumentError
from .inputs import check_count

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")


class Scan(Iterator[_mien.Record]):
    """Records in the order of the sources, each image once. Reading ahead is bounded; `close` or `with` ends early."""

    def __init__(self, run: _mien.ScanRun, bar: Any) -> None:
        self._run = run
        self._bar = bar

    def __iter__(self) -> Scan:
        return self

    def __next__(self) -> _mien.Record:
        try:
            record = next(self._run)
        except BaseException:
            self._end_bar()
            raise
        if self._bar is not None:
            progress = self._run.progress
            if progress.listing_finished:
                self._bar.total = progress.found
            self._bar.update(1)
        return record

    @property
    def progress(self) -> _mien.ScanProgress:
        return self._run.progress

    @property
    def summary(self) -> _mien.ScanSummary | None:
        """None until the last record was taken."""
        return self._run.summary

    def to_pandas(self) -> pandas.DataFrame:
        """The records that are left, a row a face."""
        return tables.of_records(self)

    def close(self) -> None:
        """Stops the scan; images under way are dropped."""
        self._end_bar()
        self._run.close()

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __repr__(self) -> str:
        return f"Scan({self.summary or f'{self.progress.done} done'})"


def scan(
    paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
    *,
    like: str | os.PathLike[str] | None = None,
    threshold: float | None = None,
    compare_anyway: bool = False,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    resume: bool = False,
    prune: bool | str = False,
    no_skip: bool = False,
    threads: int = 0,
    excludes: Iterable[str] = (),
    embeddings: bool = False,
    progress: bool | None = None,
    engine: Engine | None = None,
    **options: Any,
) -> Scan:
    """Analyses files and folders; what could not be read is a record with an error, never an exception.

    `like` is a photo of the person looked for; a poor face (see Face.recognition_quality) matches no poor one, unless
    `compare_anyway` says so. `out` is a file for the records as JSON lines. `resume` goes on with that file, and only
    records that are new come out; `prune` drops its records of photos that are gone, but not where all of a source is
    gone at once, as when a disk is not mounted: "all" drops even those. `no_skip` reads the folders too in which photo
    libraries keep what they made of photos; `summary.left_out` counts what was left out. Embeddings are biometric data:
    they are compared and dropped, unless `embeddings` says that records and file shall keep them. A progress bar is
    shown on a terminal where tqdm is installed; `progress` decides otherwise. `threads` is what MIEN_THREADS says where
    it is 0. Further options are those of Engine.analyze.
    """
    sources = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else list(paths)
    if not sources:
        raise InvalidArgumentError("there is nothing to scan: give files or folders")
    if threshold is not None and like is None:
        raise InvalidArgumentError("threshold= says from when on a face matches: it needs like=, the photo of a person")
    threads = check_count("threads", threads, 0)
    engine = engine or default_engine()
    run = _mien.ScanRun(
        engine.native,
        [os.fsdecode(source) for source in sources],
        _mien.AnalyzeOptions(**options),
        like="" if like is None else os.fsdecode(like),
        threshold=threshold,
        compare_anyway=compare_anyway,
        out="" if out is None else os.fsdecode(out),
        force=force,
        resume=resume,
        prune=prune_text(prune),
        no_skip=no_skip,
        threads=threads or engine.settings.native.threads,
        excludes=patterns(excludes),
        embeddings=embeddings,
    )
    return Scan(run, open_bar(progress))


def prune_text(prune: bool | str) -> str:
    """As the library takes it."""
    return prune if isinstance(prune, str) else "gone" if prune else "none"


def several(items: Iterable[T], name: str) -> list[T]:
    """One alone is a mistake that is easily made."""
    if isinstance(items, (str, bytes, int, os.PathLike, _mien.PersonFace, _mien.Person)):
        raise InvalidArgumentError(f"{name} is a list: put the one into a list")
    return list(items)


def patterns(excludes: Iterable[str]) -> list[str]:
    return [os.fsdecode(pattern) for pattern in several(excludes, "excludes")]


def open_bar(progress: bool | None) -> Any:
    """A bar of tqdm's, or None where none is wanted or can be had."""
    if progress is False or (progress is None and not sys.stderr.isatty()):
        return None
    try:
        from tqdm.auto import tqdm  # pyright: ignore
    except ImportError:
        if progress:
            raise ImportError("a progress bar needs tqdm: pip install tqdm") from None
        return None
    return tqdm(unit="image")
