"""Pictures of people for notebooks: their faces, cut out of the photos when they are asked for, and kept nowhere."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import _mien, inputs
from .errors import Error, InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from PIL.Image import Image

    from .store import Store

SIDE = 112  # pixels of a tile
GAP = 4  # between two
COUNT_MAX = 60  # faces of a person that are shown
GROWN = 1.4  # side of the square around a face, by the longer side of its box
GREY = (96, 96, 96)
TILE = f"display:inline-block;width:{SIDE}px;margin:{GAP}px;vertical-align:top;font-size:11px;line-height:1.3"
BOX = f"display:flex;align-items:center;justify-content:center;width:{SIDE}px;height:{SIDE}px;border-radius:4px"
CUT = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap;max-width:100%"


class Portrait:
    """A face to show: its JPEG, or the reason why there is none."""

    def __init__(self, face: _mien.PersonFace, jpeg: bytes = b"", reason: str = "") -> None:
        self.face, self.jpeg, self.reason = face, jpeg, reason


# ---- What notebooks and programs ask for


def show_person(person: _mien.Person) -> str:
    """HTML: who it is, and the faces, those least like the others last. Never raises for what is wrong with photos."""
    title = person.name or (f"group {person.id}" if person.id is not None else "somebody without a name")
    head = f"<b>{_text(title)}</b> &middot; {_counted(person.faces, 'face')} in {_counted(person.images, 'photo')}"
    return _or_reason(head, lambda: "".join(map(_tile, _portraits(person, COUNT_MAX))) + _more(person, COUNT_MAX))


def show_face(face: _mien.PersonFace) -> str:
    """HTML: the face and where it is from."""
    return _or_reason("", lambda: _tile(_cut(_store_of(face), [face])[0]))


def show_suggestion(suggestion: _mien.Suggestion) -> str:
    """HTML: the question, and the two faces that are the most alike."""
    who = [one.name or f"group {one.id}" for one in (suggestion.person, suggestion.other)]
    ask = f"Is this {who[0]}?" if suggestion.kind == "member" else f"Are {who[0]} and {who[1]} one person?"
    head = f"<b>{_text(ask)}</b> &middot; {suggestion.similarity:.3f} alike, these two {suggestion.face_similarity:.3f}"
    faces = [suggestion.face, suggestion.other_face]
    return _or_reason(head, lambda: "".join(map(_tile, _cut(_store_of(suggestion), faces))))


def draw_person(person: _mien.Person, count_max: int) -> Image:
    """The faces as one picture, those least like the others last. Needs Pillow."""
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise ImportError("draw() needs Pillow: pip install pillow") from error
    portraits = _portraits(person, inputs.check_count("count_max", count_max, 1))
    columns = max(1, min(10, math.ceil(math.sqrt(len(portraits)))))
    rows = max(1, math.ceil(len(portraits) / columns))
    sheet = Image.new("RGB", (columns * (SIDE + GAP) - GAP, rows * (SIDE + GAP) - GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for place, portrait in enumerate(portraits):
        x, y = place % columns * (SIDE + GAP), place // columns * (SIDE + GAP)
        if portrait.jpeg:
            picture = Image.open(io.BytesIO(portrait.jpeg)).convert("RGB")
            sheet.paste(picture, (x + (SIDE - picture.width) // 2, y + (SIDE - picture.height) // 2))
        else:
            pen.rectangle((x, y, x + SIDE - 1, y + SIDE - 1), fill=GREY)
            pen.text((x + 4, y + 4), _lines(portrait.reason), fill="white")
    return sheet


# ---- The faces


def _store_of(shown: Any) -> Store:
    store: Store | None = getattr(shown, "_store", None)
    if store is None:
        raise InvalidArgumentError("it was copied or pickled, and knows no store any more: ask a mien.Store for it")
    return store


def _portraits(person: _mien.Person, count_max: int) -> list[Portrait]:
    store = _store_of(person)
    faces = store.faces(person) if person.id is not None else []
    alike = sorted(faces, key=lambda face: -2.0 if face.similarity is None else face.similarity, reverse=True)
    return _cut(store, alike[:count_max])


def _cut(store: Store, faces: Sequence[_mien.PersonFace]) -> list[Portrait]:
    """Of several photos at once: decoding one takes long, and lets others run."""
    from concurrent.futures import ThreadPoolExecutor

    contents = {face.id: _content(store, face) for face in faces}
    images = _mien.open_input(store.settings.native)

    def cut(face: _mien.PersonFace) -> Portrait:
        try:
            return Portrait(face, jpeg=_cut_one(face, contents[face.id], images))
        except Error as error:
            return Portrait(face, reason=str(error))

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(cut, faces))


def _content(store: Store, face: _mien.PersonFace) -> str:
    stored = store.native.stored_face(face.id)
    image = None if stored is None else store.native.image(stored.image)
    return "" if image is None else image.sha256


def _cut_one(face: _mien.PersonFace, sha256: str, images: _mien.Input) -> bytes:
    """A JPEG of at most SIDE pixels a side."""
    photo = _read(face, sha256)
    x1, y1, x2, y2 = face.bbox
    half = GROWN * max(x2 - x1, y2 - y1) / 2
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    square = [x - half, y - half, x + half, y + half]
    return _mien.create_thumbnail(_mien.crop_face(photo, square, 0.0, images), SIDE, SIDE, images)


def _read(face: _mien.PersonFace, sha256: str) -> bytes:
    """The photo as it was indexed, from the first path where it still lies."""
    if face.source is None:
        raise NotFoundError("the photo is gone")
    changed = False
    for path in (face.source, *face.copies):
        try:
            photo = inputs.read_file(path)
        except NotFoundError:
            continue
        if hashlib.sha256(photo).hexdigest() == sha256:
            return photo
        changed = True
    if changed:
        raise NotFoundError("the photo has changed since it was indexed")
    raise NotFoundError("the photo is not there any more: is its disk mounted?")


# ---- HTML


def _text(text: str) -> str:
    """Paths may hold bytes that are no UTF-8, which no page can show."""
    return html.escape(text.encode("utf-8", "replace").decode())


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _or_reason(head: str, body: Callable[[], str]) -> str:
    try:
        shown = body()
    except Error as error:
        shown = f"<i>{_text(str(error))}</i>"
    return f"<div>{head}<div>{shown}</div></div>" if head else f"<div>{shown}</div>"


def _tile(portrait: Portrait) -> str:
    face = portrait.face
    name = "(gone)" if face.source is None else f"{os.path.basename(face.source)}#{face.number}"
    where = name if face.source is None else f"{face.source}#{face.number}"
    if portrait.jpeg:
        data = base64.b64encode(portrait.jpeg).decode()
        image = f'<img alt="{_text(name)}" style="max-width:100%" src="data:image/jpeg;base64,{data}">'
        box = f'<div style="{BOX}">{image}</div>'
    else:
        grey = f"{BOX};box-sizing:border-box;padding:6px;background:rgb{GREY};color:#fff;text-align:center"
        box = f'<div style="{grey}">{_text(portrait.reason)}</div>'
    how = face.state if face.similarity is None else f"{face.state} {face.similarity:.2f}"
    words = [name, how, *([face.taken[:10]] if face.taken else [])]
    lines = "".join(f'<div style="{CUT}">{_text(word)}</div>' for word in words)
    return f'<div style="{TILE}" title="{_text(where)}">{box}{lines}</div>'


def _more(person: _mien.Person, count_max: int) -> str:
    return f"<div>and {_counted(person.faces - count_max, 'more face')}</div>" if person.faces > count_max else ""


def _lines(text: str, width: int = 17) -> str:
    """For Pillow's own small font, which knows Latin letters alone."""
    import textwrap

    return "\n".join(textwrap.wrap(text.encode("latin-1", "replace").decode("latin-1"), width))
