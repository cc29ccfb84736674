"""What notebooks show of people: their faces cut out of the photos, or why that cannot be."""

import base64
import copy
import html.parser
import io
import re
import shutil

import numpy
import pytest

import mien
from store_scene import MadeUp, people_scene

Image = pytest.importorskip("PIL.Image", reason="no Pillow: install python3-pil")
NAMES = ("obama.jpg", "obama2.jpg", "obama3.jpg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from conftest import DEPS

    if not (DEPS / "photos").is_dir():
        pytest.skip(f"no photos in {DEPS}: ./dev build fetches them")
    folder = tmp_path_factory.mktemp("pictures")
    for name in NAMES:
        shutil.copy2(DEPS / "photos" / name, folder / name)
    with mien.Store(folder / "people.mien", "create") as store:
        assert store.index([folder / name for name in NAMES], progress=False).faces == 3
    return folder


@pytest.fixture
def store(folder, tmp_path):
    shutil.copy(folder / "people.mien", tmp_path / "people.mien")
    with mien.Store(tmp_path / "people.mien") as opened:
        yield opened


class Page(html.parser.HTMLParser):
    """The pictures and the words of some HTML; what is not closed, or is no element of ours, is an error."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.words, self.titles = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert tag in ("div", "b", "i", "img"), tag
        values = dict(attributes)
        assert set(values) <= {"style", "title", "alt", "src"}, values
        if "title" in values:
            self.titles.append(values["title"])
        if tag == "img":
            kind, _, data = values["src"].partition(",")
            assert kind == "data:image/jpeg;base64"
            self.images.append(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


def test_a_group_and_a_person_are_their_faces(store, folder):
    (group,) = store.people()
    page = Page(group._repr_html_())
    assert f"group {group.id}" in page.text and "3 faces in 3 photos" in page.text and len(page.images) == 3
    faces = sorted(store.faces(group), key=lambda face: face.similarity, reverse=True)
    assert page.titles == [f"{face.source}#{face.number}" for face in faces], "the least alike are the last"
    for picture, face in zip(page.images, faces):
        # Pillow cuts the same square out of the photo.
        x1, y1, x2, y2 = face.bbox
        half = max(x2 - x1, y2 - y1) * 0.7
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        photo = Image.open(face.source).convert("RGB")
        square = (max(0, x - half), max(0, y - half), min(photo.width, x + half), min(photo.height, y + half))
        expected = photo.crop(tuple(map(round, square))).resize(picture.size, Image.Resampling.BOX)
        assert max(picture.size) == 112
        assert numpy.abs(numpy.asarray(picture, float) - numpy.asarray(expected, float)).mean() < 6
    store.name(group, "Barack")
    named = Page(store.person("Barack")._repr_html_())
    assert "Barack" in named.text and "named" in named.text and len(named.images) == 3
    assert len(Page(store.faces("Barack")[0]._repr_html_()).images) == 1


def test_a_picture_of_all_faces(store):
    (group,) = store.people()
    sheet = group.draw()
    assert sheet.size == (228, 228) and sheet.mode == "RGB"
    pixels = numpy.asarray(sheet)
    assert [pixels[y : y + 112, x : x + 112].std() > 20 for y in (0, 116) for x in (0, 116)] == [True] * 3 + [False]
    assert group.draw(1).size == (112, 112) and isinstance(group.draw()._repr_png_(), bytes)
    with pytest.raises(mien.InvalidArgumentError, match="count_max=0"):
        group.draw(0)


def test_photos_that_are_gone_or_have_changed_are_grey(store, folder, tmp_path):
    (group,) = store.people()
    kept = {name: (folder / name).read_bytes() for name in NAMES[:2]}
    try:
        (folder / NAMES[0]).unlink()
        (folder / NAMES[1]).write_bytes(kept[NAMES[1]] + b" ")
        page = Page(group._repr_html_())
        assert len(page.images) == 1
        assert "the photo is not there any more" in page.text and "has changed since it was indexed" in page.text
        pixels = numpy.asarray(group.draw())
        assert (pixels == 96).all(axis=2).sum() > 2 * 112 * 112 * 0.8
    finally:
        for name, content in kept.items():
            (folder / name).write_bytes(content)
    assert len(Page(group._repr_html_()).images) == 3


def test_a_copy_takes_the_place_of_a_photo_that_is_gone(folder, tmp_path):
    places = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for place in places:
        shutil.copy2(folder / NAMES[0], place)
    with mien.Store(tmp_path / "people.mien", "create") as store:
        store.index(places, progress=False)
        (group,) = store.people(faces_min=1)
        places[0].unlink()
        assert len(Page(group._repr_html_()).images) == 1


def test_what_knows_no_photo_or_store_says_so(tmp_path):
    scene = MadeUp(tmp_path)
    scene.put(['{"gone": ["%s"]}' % (scene.folder / f"{number:02}.jpg") for number in range(12)][0:1])
    with mien.Store(scene.path) as store:
        group = store.people()[0]
        page = Page(group._repr_html_())
        assert page.images == [] and "is its disk mounted?" in page.text
        gone = [face for image in store.images() if image.is_gone for face in store.faces_of(image.id)][0]
        shown = Page(store.face(gone.id)._repr_html_())
        assert "the photo is gone" in shown.text and shown.titles == ["(gone)"]
        assert "knows no store any more" in Page(copy.copy(group)._repr_html_()).text
        with pytest.raises(mien.InvalidArgumentError, match="knows no store any more"):
            copy.copy(group).draw()
        for face in store.faces(group):
            store.is_not(face, store.name(group, "Nobody").name)
        nobody = store.person("Nobody")
        assert nobody.id is None and Page(nobody._repr_html_()).images == [] and nobody.draw().size == (112, 112)
    assert "is closed" in Page(group._repr_html_()).text


def test_markup_is_text(folder, tmp_path):
    nasty = '<img src=x onerror="alert(1)">&amp;'
    place = tmp_path / f"{nasty.replace('/', '')}.jpg"
    shutil.copy2(folder / NAMES[0], place)
    with mien.Store(tmp_path / "people.mien", "create") as store:
        store.index(place, progress=False)
        store.name(store.people(faces_min=1)[0], nasty)
        text = store.person(nasty)._repr_html_()
        page = Page(text)
        assert nasty in page.text and page.titles == [f"{place}#0"] and len(page.images) == 1
        assert not re.search(r"<img src=x|onerror=\"", text)


def test_no_more_than_sixty_are_shown(tmp_path):
    import random

    chance = random.Random(5)
    centre = people_scene.unit(chance)
    lines = [people_scene.record(tmp_path / f"{i}.jpg", [people_scene.face_like(centre, chance, .3)], f"{i:016x}")
             for i in range(75)]
    people_scene.put_records(tmp_path / "people.mien", tmp_path, lines)
    with mien.Store(tmp_path / "people.mien") as store:
        (group,) = store.people()
        page = Page(group._repr_html_())
        assert group.faces == 75 and len(page.titles) == 60 and "and 15 more faces" in page.text
        assert group.draw(75).size == (9 * 116 - 4, 9 * 116 - 4)


def test_a_question_shows_both_faces(store):
    group = store.people()[0]
    face = store.faces(group)[0]
    store.name(group, "Barack")
    store.is_not(face, "Barack")
    questions = store.suggest()
    for question in questions:
        page = Page(question._repr_html_())
        assert len(page.images) == 2 and "one person?" in page.text
        assert len(Page(question.person._repr_html_()).images) == question.person.faces
    assert "Barack" in store.people()[0]._repr_html_()
