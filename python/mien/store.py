"""Store: the index of one's own photos, and the people on them.

>>> import tempfile
>>> import mien
>>> folder = tempfile.TemporaryDirectory()
>>> with mien.Store(folder.name + "/people.mien", "create") as store:
...     summary = store.index(["photos/obama.jpg", "photos/obama2.jpg"], progress=False)
...     (group,) = store.people()
...     change = store.name(group, "Barack")
...     change.faces, len(store.find("Barack")), store.vectors().vectors.shape
(2, 2, (2, 512))

A store is one file, which holds faces, embeddings and names: it is its owner's alone (mode 0600). docs/people.md says
what is in it, and what each statement does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, Union

from . import _mien
from .engine import Engine, default_engine
from .errors import InvalidArgumentError, NotFoundError
from .inputs import check_count
from .scanning import open_bar, patterns, prune_text, several
from .settings import Settings, get_settings

if TYPE_CHECKING:
    import datetime

    import numpy
    from numpy.typing import NDArray

Who = Union[str, int, _mien.Person]
"""A name, whatever its case and Unicode form; the id of a group, or of any face in it; or what people() gave."""
AnyFace = Union[str, int, _mien.PersonFace]
""""PHOTO#N", the path in any spelling; the id of a face; or what faces() gave."""

BLOCK = 16_384  # of vectors with 512 dimensions that is 16 MB
T = TypeVar("T")


class FaceBlock(NamedTuple):
    """Faces by rising id: arrays of one length n, each the owner of its memory."""

    ids: NDArray[numpy.int64]
    keys: NDArray[numpy.int64]
    """63 bits of a hash of content and box: the same in every store."""
    images: NDArray[numpy.int64]
    numbers: NDArray[numpy.int32]
    """N of PHOTO#N."""
    boxes: NDArray[numpy.float32]
    """(n, 4): x1, y1, x2, y2, pixels of the upright image."""
    det_scores: NDArray[numpy.float32]
    """0..1."""
    recognition_qualities: NDArray[numpy.float32]
    """0..1, larger is better, below 0.5 too poor to be told from other poor faces; NaN: not measured."""


class VectorBlock(NamedTuple):
    """Embeddings by rising id of their face: arrays of one length n, each the owner of its memory."""

    ids: NDArray[numpy.int64]
    keys: NDArray[numpy.int64]
    vectors: NDArray[numpy.float16]
    """(n, d), each of length 1 but for the rounding to 16 bits."""


class Store:
    """The store at `path`, or the user's own (as `mien index` makes it) without one.

    `access`: "read", to look; "write", to say something of people too, or to index; "create", the same, and the file is
    made where there is none. With "read" what is computed from faces and facts (groups, neighbours) is kept all the
    same where the file can be written, so that it is computed once. `threads` is what MIEN_THREADS says where it is 0.

    Threads take turns: a call waits until the one before it is done, without the interpreter lock, and Ctrl-C ends the
    wait. What other programs change in the file is seen by the next call. The child of a fork can open the file only
    where the parent had it closed at the fork. A store cannot be pickled; what it gives can, and outlives it.

    Raises NotFoundError (no such store), InvalidArgumentError (a file that is no store, or of a newer version; a call
    on a store that is closed or was opened for reading), FileError, BadDataError (damaged: `mien store check`).
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        access: str = "write",
        *,
        threads: int = 0,
        settings: Settings | None = None,
    ) -> None:
        self._settings = settings or get_settings()
        threads = check_count("threads", threads, 0) or self._settings.native.threads
        name = "" if path is None else os.fsdecode(path)
        if path is not None and not name:
            raise InvalidArgumentError("'' is no path: name the store's file, or leave it out for the user's own")
        self._native = _mien.NativeStore(self._settings.native, name, access, threads)

    # ---- The file

    @property
    def native(self) -> _mien.NativeStore:
        """As the library has it."""
        return self._native

    @property
    def settings(self) -> Settings:
        """What it was opened with."""
        return self._settings

    @property
    def path(self) -> str:
        """Absolute."""
        return self._native.path

    @property
    def closed(self) -> bool:
        return self._native.is_closed

    def close(self) -> None:
        """Waits for the call that another thread is in. Again: does nothing."""
        self._native.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has_changed(self) -> bool:
        """Whether others have changed the file since this was asked last. Calls see changes without being told."""
        return self._native.has_changed()

    def statistics(self) -> _mien.StoreStatistics:
        """How much lies in it."""
        return self._native.statistics()

    def check(self) -> list[str]:
        """What is wrong with the file: one sentence a finding, which names table and row; none: nothing."""
        return self._native.check()

    def backup(self, target: str | os.PathLike[str]) -> None:
        """Writes a complete copy, while others may go on writing. InvalidArgumentError when `target` is there."""
        self._native.back_up(os.fsdecode(target))

    def __repr__(self) -> str:
        return f"Store({self.path!r}{', closed' if self.closed else ''})"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            f"a mien.Store cannot be pickled or copied, it is an open file: send its path and open it there, "
            f"mien.Store({self.path!r})"
        )

    # ---- Photos

    def index(
        self,
        sources: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
        *,
        engine: Engine | None = None,
        excludes: Iterable[str] = (),
        no_skip: bool = False,
        prune: bool | str = False,
        threads: int = 0,
        progress: bool | Callable[[_mien.ScanProgress], object] | None = None,
        stop: Any = None,
        **options: Any,
    ) -> _mien.ScanSummary:
        """Reads what is new or has changed below the sources (files and folders), and nothing else.

        Photos that are gone are marked; `prune` drops them, but not where all of a source is gone at once, as when a
        disk is not mounted: "all" drops even those. `progress`: called a few times a second, in this thread; a bar by
        default, as in mien.scan. `stop`: an object with is_set(), as threading.Event: once it is set the index ends
        within moments. So it does at Ctrl-C, or when `progress` raises, which is raised again. What is done is kept in
        any case, and the next call goes on there. Other threads may use the store meanwhile. Further options are those
        of Engine.analyze; embeddings and perceptual hashes are always made.

        Of the summary `images` counts all photos of these sources, and `resumed` those that were not opened. places()
        says which could not be read. NotFoundError where a source is not there: then nothing was changed.
        """
        engine = engine or default_engine()
        with _Progress(progress) as on_progress:
            return self._native.index(
                engine.native,
                _paths(sources, "index"),
                _mien.AnalyzeOptions(**options),
                excludes=patterns(excludes),
                no_skip=no_skip,
                prune=prune_text(prune),
                threads=check_count("threads", threads, 0) or engine.settings.native.threads,
                on_progress=on_progress,
                stop=_check_stop(stop),
            )

    def move(self, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> int:
        """What lay below one folder lies below another one now; nothing is read. How many photos that are."""
        return self._native.move(os.fsdecode(old), os.fsdecode(new))

    def images(self) -> list[_mien.StoredImage]:
        """All contents, by id."""
        return self._native.images()

    def image(self, which: int | str | os.PathLike[str]) -> _mien.StoredImage | None:
        """By its id or a path of it, there or gone; None: there is none."""
        if isinstance(which, int):
            return self._native.image(which)
        path = os.fsdecode(which)
        return self._native.find_image_at(os.path.abspath(path)) or self._native.find_image_at(os.path.realpath(path))

    def places(self) -> list[_mien.StoredPlace]:
        """All paths, those that are gone or could not be read included."""
        return self._native.places()

    # ---- Faces and vectors

    def faces_of(self, image: int | str | os.PathLike[str]) -> list[_mien.StoredFace]:
        """The faces of a photo, by number. NotFoundError for one that is not in the store."""
        found = self.image(image)
        if found is None:
            raise NotFoundError(f"{image} is not in the store {self.path}: index() reads it")
        return self._native.faces_of(found.id)

    def iter_faces(self, *, after: int = 0, block: int = BLOCK) -> Iterator[FaceBlock]:
        """All faces with larger ids than `after` as arrays, at most `block` at a time.

        The arrays are filled once, by the library, and are the caller's. Each block is of one moment; what others add
        meanwhile comes in a later one. The store may be used between two blocks.
        """
        block = check_count("block", block, 1)
        while True:
            found = FaceBlock(*self._native.faces_after(after, block))
            if not found.ids.size:
                return
            yield found
            after = int(found.ids[-1])

    def iter_vectors(
        self, embedder: str | None = None, *, after: int = 0, block: int = BLOCK
    ) -> Iterator[VectorBlock]:
        """All embeddings of faces with larger ids than `after` as arrays, at most `block` at a time; see iter_faces.

        Those of the embedder that knows most faces, or of the one with this id or name. NotFoundError where it has
        none here.
        """
        block = check_count("block", block, 1)
        while True:
            found = VectorBlock(*self._native.vectors_after(embedder or "", after, block))
            if not found.ids.size:
                return
            yield found
            after = int(found.ids[-1])

    def vectors(self, embedder: str | None = None) -> VectorBlock:
        """All embeddings in one block, of one moment; without any, `vectors` has the shape (0, 0)."""
        return VectorBlock(*self._native.vectors_after(embedder or "", 0, 0))

    @property
    def embedders(self) -> dict[str, str]:
        """The embedders of which vectors are here, id and name: the one of most faces first."""
        return self._native.embedders

    # ---- People

    def people(self, *, hidden: bool = False, faces_min: int = 2) -> list[_mien.Person]:
        """Persons by falling number of faces, then groups of at least `faces_min` faces that nobody has named.

        `hidden`: those who were hidden, and strangers, too.
        """
        return self._keep(self._native.people(hidden, check_count("faces_min", faces_min, 1)))

    def person(self, who: Who) -> _mien.Person:
        """NotFoundError where nobody is called so, or no group has this face."""
        return self._keep_one(self._native.person(_who(who)))

    def faces(self, who: Who) -> list[_mien.PersonFace]:
        """The faces of a person or a group, by id."""
        return self._keep(self._native.faces(_who(who)))

    def face(self, face: int | str) -> _mien.PersonFace:
        """By its id, or as "PHOTO#N"."""
        found = self._native.face(face) if isinstance(face, int) else self._native.find_face(face)
        return self._keep_one(found)

    def people_statistics(self) -> _mien.PeopleStatistics:
        """Whose the faces are."""
        return self._native.people_statistics()

    def find(
        self,
        *who: Who,
        photos: Iterable[object] = (),
        all: bool = False,
        without: Iterable[Who] = (),
        since: str | datetime.date = "",
        folder: str | os.PathLike[str] = "",
        threshold: float | None = None,
        engine: Engine | None = None,
    ) -> _mien.FindResult:
        """The photos that show any of these people, or `all` of them, and none of those `without`.

        `photos` show people to look for: an Analysis with embeddings each, or whatever Engine.analyze takes (but
        arrays); of several faces the largest, if it has twice the area of the next. `since`: taken then or later, as
        "2019", "2019-07" or a date; `folder`: below it; `threshold`: the cosine, -1..1, from which on a face matches a
        photo, otherwise the embedder's own for searching.
        """
        return self._native.find(
            [_who(one) for one in who],
            _analyses(photos, engine),
            all=all,
            without=[_who(one) for one in several(without, "without")],
            since=since if isinstance(since, str) else since.isoformat(),
            folder=os.fsdecode(folder),
            threshold=threshold,
        )

    # ---- What is said of them. Each can be undone, and is one transaction.

    def name(self, who: Who, name: str) -> _mien.PeopleChange:
        """The group is this person; a person gets another name (1 to 200 characters)."""
        return self._native.name(_who(who), name)

    def is_(self, face: AnyFace, name: str) -> _mien.PeopleChange:
        """The face is this person, however it looks."""
        return self._native.is_person(_face(face), name)

    def is_not(self, face: AnyFace, who: Who) -> _mien.PeopleChange:
        """The face is never this person."""
        return self._native.is_not(_face(face), _who(who))

    def merge(self, who: Who, other: Who) -> _mien.PeopleChange:
        """Two are one person. The name of the first stays."""
        return self._native.merge(_who(who), _who(other))

    def split(self, who: Who, faces: Iterable[AnyFace]) -> _mien.PeopleChange:
        """These faces are one group of their own, never with the others again."""
        return self._native.split(_who(who), self._faces(faces))

    def hide(self, who: Who) -> _mien.PeopleChange:
        """Not listed any more, unless people(hidden=True) asks."""
        return self._native.hide(_who(who))

    def stranger(self, who: Who) -> _mien.PeopleChange:
        """Somebody whom nobody wants to see, and whom nobody asks about."""
        return self._native.stranger(_who(who))

    def not_a_face(self, faces: Iterable[AnyFace]) -> _mien.PeopleChange:
        """They are none, as those of statues."""
        return self._native.not_a_face(self._faces(faces))

    def page(self, which: int | str | os.PathLike[str]) -> _mien.PeopleChange:
        """One person may be several times on the photo (a path or an image's id), or on all photos below the folder."""
        return self._native.page(which if isinstance(which, int) else os.fsdecode(which))

    def undo(self, number: int | None = None) -> _mien.Operation:
        """Takes back what was said last, or what has this number."""
        return self._native.undo(number)

    def history(self) -> list[_mien.Operation]:
        """All that was said, the newest first."""
        return self._native.history()

    def suggest(self, count_max: int = 50) -> list[_mien.Suggestion]:
        """Questions worth asking, the best first. Notebooks show the two faces."""
        return self._keep(self._native.suggest(check_count("count_max", count_max, 1)))

    def is_open(self, suggestion: _mien.Suggestion) -> bool:
        """Whether it is a question still, after other answers."""
        return self._native.is_open(suggestion)

    def answer(self, suggestion: _mien.Suggestion, yes: bool) -> _mien.PeopleChange:
        """Says it. Of a question that is none any more: nothing, and `operation` is None."""
        return self._native.answer(suggestion, yes)

    def forget(self, who: Who) -> _mien.ForgottenPerson:
        """Removes the person for good: name, statements, and the embeddings of the faces. It cannot be undone.

        UnavailableError when another program reads the store all the time; the person is forgotten all the same, and
        the next program that opens the store empties its WAL.
        """
        return self._native.forget(_who(who))

    def import_names(
        self,
        sources: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
        *,
        sandbox: bool = False,
        progress: Callable[[int, int], object] | None = None,
        stop: Any = None,
    ) -> _mien.ImportSummary:
        """Takes names from XMP regions of indexed photos and of sidecars beside them; what was said here counts more.

        `progress` is called with the number of photos done and of all, in this thread; `stop` and exceptions are as in
        index(), but then no name is taken over. Other threads wait meanwhile.
        """
        told = progress
        return self._native.import_names(
            _paths(sources, "import names from"),
            sandbox=sandbox,
            on_progress=None if told is None else lambda counts: told(*counts),
            stop=_check_stop(stop),
        )

    # ----

    def _keep_one(self, found: T) -> T:
        """For the pictures that notebooks show."""
        setattr(found, "_store", self)
        return found

    def _keep(self, found: list[T]) -> list[T]:
        return [self._keep_one(one) for one in found]

    def _faces(self, faces: Iterable[AnyFace]) -> list[str] | list[int]:
        """The library takes several that are all of one kind."""
        found = [_face(face) for face in several(faces, "faces")]
        typed = [face for face in found if isinstance(face, str)]
        if len(typed) == len(found):
            return typed
        return [self._native.find_face(face).id if isinstance(face, str) else face for face in found]


def _face(face: AnyFace) -> str | int:
    """PHOTO#N only where the caller says so: a path may be another photo's by now, an id is the face's for good."""
    if isinstance(face, bool) or not isinstance(face, (str, int, _mien.PersonFace)):
        raise InvalidArgumentError(
            f'{type(face).__name__} is no face: give "PHOTO#N", the id of a face, or a PersonFace')
    return face.id if isinstance(face, _mien.PersonFace) else face


def _who(who: Who) -> str:
    if isinstance(who, _mien.Person):
        if who.id is None and who.name is None:
            raise InvalidArgumentError("this person has neither a face here nor a name")
        return str(who.id) if who.id is not None else str(who.name)
    if isinstance(who, bool) or not isinstance(who, (str, int)):
        raise InvalidArgumentError(f"{type(who).__name__} is nobody: give a name, the id of a group, or a Person")
    return str(who)


def _paths(sources: Iterable[str | os.PathLike[str]] | str | os.PathLike[str], what: str) -> list[str]:
    paths = [sources] if isinstance(sources, (str, bytes, os.PathLike)) else list(sources)
    if not paths:
        raise InvalidArgumentError(f"there is nothing to {what}: give files or folders")
    return [os.fsdecode(source) for source in paths]


def _check_stop(stop: Any) -> Any:
    if stop is not None and not callable(getattr(stop, "is_set", None)):
        raise InvalidArgumentError("stop= is an object with is_set(), as threading.Event, or None")
    return stop


def _analyses(photos: Iterable[object], engine: Engine | None) -> list[tuple[str, object]]:
    if isinstance(photos, (str, bytes, os.PathLike, _mien.Analysis)):
        raise InvalidArgumentError("photos is a list: put the photo into a list")
    result: list[tuple[str, object]] = []
    for number, photo in enumerate(photos, 1):
        if isinstance(photo, _mien.Analysis):
            source = getattr(photo, "_source", None)
        else:
            source, photo = photo, (engine or default_engine()).analyze(photo)
        name = os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else f"photo {number}"
        result.append((name, photo))
    return result


class _Progress:
    """What an index calls: the caller's own function, a bar, or nothing."""

    def __init__(self, progress: bool | Callable[[_mien.ScanProgress], object] | None) -> None:
        self._call = progress if callable(progress) else None
        self._bar: Any = None if callable(progress) else open_bar(progress)

    def __enter__(self) -> Callable[[_mien.ScanProgress], object] | None:
        return self._call if self._bar is None else self._update

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def _update(self, progress: _mien.ScanProgress) -> None:
        if progress.listing_finished:
            self._bar.total = progress.found
        self._bar.update(progress.done - self._bar.n)
