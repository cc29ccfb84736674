"""Many questions on the page of people, all barriers in both themes, and a store of 50,000 faces."""

import json
import random

import pytest
from browser_people_test import browse, find_barriers, people  # noqa: F401, a fixture
from browsing import needs_browser
from people_photos import Album, near, people_scene
from people_scene import face_like, unit

pytestmark = needs_browser

# People with so many faces each; 128 numbers keep strangers apart as those of a real embedder do.
CROWD = ((400, 40), (50, 400), (5, 2000), (1, 4000))
CROWD_DIMENSIONS = 128
FACES_A_PHOTO = 20
SHOWN_MS_MAX = 1000
TILES_MAX = 150  # that exist at once
PICTURES_MAX = 304  # those that the page keeps, and those on their way


def make_questions(folder, count, chance):
    photos = Album(folder)
    for _ in range(count):
        first = unit(chance)
        for centre in (first, near(first, .44, chance)):
            for _ in range(3):
                photos.add([face_like(centre, chance, .15)])
    return photos


def test_fifty_questions_and_ten_taken_back(start, tmp_path):
    store = tmp_path / "people.mien"
    make_questions(tmp_path, 60, random.Random(5)).put(store)
    service = start("--store", str(store)).ready()
    seen = browse(service, "questions", "#people/questions", answers=50, undone=10)
    print(f"an answer and the next question: {seen['answer_ms']:.0f} ms")
    rows = json.loads(service.get("/v1/people/history?limit=500").body)["operations"]
    assert [row["is_undone"] for row in rows] == [True] * 10 + [False] * 40


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_barriers_in_either_theme(people, theme, width):  # noqa: F811
    assert find_barriers(people, theme, width) == []


def make_crowd(folder, store, chance):
    photos = Album(folder, ("obama.jpg", "obama2.jpg"))
    waiting = []
    for faces, persons in CROWD:
        for _ in range(persons):
            centre = unit(chance)
            waiting += [face_like(centre, chance, .15) for _ in range(faces)]
    chance.shuffle(waiting)
    for at in range(0, len(waiting), FACES_A_PHOTO):
        year = chance.randrange(2004, 2026)
        photos.add(waiting[at:at + FACES_A_PHOTO], taken=f"{year}-07-04T12:30:00")
    photos.put(store, seconds_max=1200)
    return len(waiting)


def test_a_store_of_fifty_thousand_faces(start, mien, tmp_path, monkeypatch):
    monkeypatch.setattr(people_scene, "DIMENSIONS", CROWD_DIMENSIONS)
    store = tmp_path / "people.mien"
    faces = make_crowd(tmp_path, store, random.Random(11))
    assert faces >= 50000
    listed = mien("people", "list", "--store", str(store), "--json")  # makes the groups
    largest = json.loads(listed.stdout)[0]["id"]
    service = start("--store", str(store)).ready()
    service.get("/v1/people")
    tile = ".people-grid:focus .people-tile:not([aria-label='not read yet'])"
    views = [["#people", tile], ["#people", tile, "End"], [f"#people/who/{largest}", tile],
             [f"#people/who/{largest}", tile, "End"], [f"#people/who/{largest}/unsure", ".people-note"],
             [f"#people/who/{largest}/year/2019", tile], ["#people/photo/1", ".people-photo-frame img"],
             ["#people/questions", ".people-side, .people-empty:not([hidden])"]]
    seen = browse(service, "times", views=views)["times"]
    print(json.dumps(seen, indent=1))
    assert all(shown < SHOWN_MS_MAX for shown, _ in seen.values()), seen
    seen = browse(service, "scrolled", pages=60)
    print(seen)
    assert seen["tiles"] < TILES_MAX
    assert seen["kept"] <= PICTURES_MAX
