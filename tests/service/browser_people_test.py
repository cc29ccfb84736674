"""The people of a store on the page, in headless Chromium: by keyboard alone, in two tabs, with markup for names."""

import contextlib
import http.server
import json
import os
import pathlib
import random
import re
import sqlite3
import subprocess
import threading
import time

import pytest
from browsing import CHROMIUM, look, needs_browser
from people_photos import Album, near
from people_scene import face_like, unit

MARKUP = "<img src=x onerror=alert(1)>"
QUESTIONS = 6
AWAY_SECONDS = 8
LOOKS_MAX = 2
PAGE = pathlib.Path(__file__).resolve().parents[2] / "src/service/page"

pytestmark = needs_browser


def browse(service, scenario, hash_="#people", **config):
    """What a scenario saw. It asked nobody but the service, and nothing ran that should be text."""
    return look(service, scenario, service.folder, hash=hash_, scenarios="./browser_people_scenarios.mjs", **config)


def album(folder, chance):
    """Groups of 6, 5, 4 faces, one of 3 that is Ben, and pairs of groups of 3 that are nearly alike."""
    photos = Album(folder)
    for faces in (6, 5, 4, 3):
        centre = unit(chance)
        for _ in range(faces):
            photos.add([face_like(centre, chance, .15)], taken=f"20{10 + faces}-07-04T12:30:00")
    for _ in range(QUESTIONS):
        first = unit(chance)
        for centre in (first, near(first, .44, chance)):
            for _ in range(3):
                photos.add([face_like(centre, chance, .15)])
    return photos


@pytest.fixture
def people(start, mien, tmp_path):
    """A service of a made-up store, and the store's own commands."""
    photos = album(tmp_path, random.Random(7))
    store = tmp_path / "people.mien"

    class Scene:
        path = store
        photos = tmp_path / "photos"

        @staticmethod
        def said(*words):
            result = mien("people", *words, "--store", str(store), "--json")
            assert result.returncode == 0, result.stderr
            return json.loads(result.stdout)

        def say(self, path, **members):
            answer = self.service.post(f"/v1/people/{path}", json.dumps(members).encode(),
                                       headers=["Content-Type: application/json"])
            assert answer.status == 200, answer.body

        def hidden(self):
            rows = json.loads(self.service.get("/v1/people?all=true&min_faces=1").body)["people"]
            return [entry["name"] for entry in rows if entry["is_hidden"]]

        @staticmethod
        def command(*words, store):
            return mien("people", *words, "--store", str(store))

        def group(self, faces):
            """The id of the one group of so many faces."""
            [entry] = [entry for entry in self.said("list") if entry["faces"] == faces]
            return str(entry["id"])

    scene = Scene()
    photos.put(store)
    [three] = [entry["id"] for entry in scene.said("list")
               if entry["faces"] == 3 and entry["id"] <= 6 + 5 + 4 + 3]
    scene.said("name", str(three), "Ben")
    scene.service = start("--store", str(store)).ready()
    return scene


def names(people):
    return {entry["name"]: entry["faces"] for entry in people.said("list") if entry["name"]}


def test_by_keyboard_alone(people):
    seen = browse(people.service, "keyboard")
    assert any("Ben" in line for line in seen["going"])
    assert any("3 faces in 3 photos" in line for line in seen["going"])
    assert not any("Ben" in line for line in seen["left"])
    assert names(people) == {"Anna": 5}
    rows = people.said("undo", "--list")
    assert sorted(row["kind"] for row in rows) == ["forget", "name", "name", "not_person", "rename", "split"]
    assert [row["kind"] for row in rows if row["undone"]] == ["not_person"]
    nine = [entry for entry in people.said("list") if entry["faces"] == 9]
    assert len(nine) == 1 and nine[0]["name"] is None


def test_choices_and_the_history_by_keyboard(people):
    seen = browse(people.service, "choices")
    assert seen["said"] == ["hidden: Ben", "named: Ben", "named: Ben"]
    assert [row["undone"] for row in people.said("undo", "--list")] == [True, False, False]
    assert names(people) == {"Ben": 7}


def test_questions_by_one_key_each(people):
    before = len(people.said("suggest", "--list"))
    seen = browse(people.service, "questions", "#people/questions", answers=4, undone=2)
    assert len(set(seen["asked"])) >= 1
    rows = people.said("undo", "--list")[:-1]  # the last one is Ben's name
    assert [row["undone"] for row in rows] == [True, True, False, False]
    assert "2 answered" in seen["progress"]
    assert len(people.said("suggest", "--list")) <= before - 2


def test_questions_are_no_dead_end(people):
    assert browse(people.service, "deadEnd", "#people/questions")["title"].endswith("?")


def test_two_tabs_see_each_other(people):
    seen = browse(people.service, "tabs", group=people.group(6))
    assert seen["looks"] <= LOOKS_MAX
    assert (seen["selected"], seen["focused"]) == (1, 1)
    assert seen["renamed"] == 200
    assert seen["typed"] == "Y"  # what was typed stays, whatever others say
    assert "Zora" in seen["problem"]
    assert names(people)["Zora"] == 6


def test_a_photo_with_its_faces(people):
    face = people.said("show", people.group(6))["faces"][0]
    image = json.loads(people.service.get("/v1/people/person?who=" + people.group(6)).body)["faces"][0]["image"]
    seen = browse(people.service, "photo", f"#people/photo/{image}", prefix="be", name="Ben")
    assert seen["value"] == "Ben"
    width, height = 910, 1137
    photo = json.loads(people.service.get(f"/v1/people/photo?image={image}").body)
    width, height = photo["image"]["width"], photo["image"]["height"]
    wanted = [side / (height if i % 2 else width) for i, side in enumerate(photo["faces"][0]["bbox"])]
    assert seen["boxes"][0] == pytest.approx(wanted, abs=.01)
    assert names(people)["Ben"] >= 9 and face


def test_markup_is_text(start, mien, tmp_path):
    chance = random.Random(3)
    photos = Album(tmp_path)
    centre = unit(chance)
    for i in range(4):
        photos.add([face_like(centre, chance, .15)], name=f"{i} {MARKUP.replace('/', '')}.jpg")
    store = tmp_path / "people.mien"
    photos.put(store)
    [entry] = json.loads(mien("people", "list", "--store", str(store), "--json").stdout)
    assert mien("people", "name", str(entry["id"]), MARKUP, "--store", str(store)).returncode == 0
    service = start("--store", str(store)).ready()
    hashes = [f"#people/who/{entry['id']}", "#people/photo/1", "#people/history", "#people/questions"]
    seen = browse(service, "markup", hashes=hashes)
    assert seen["nodes"] == 0
    assert MARKUP in seen["seen"]["everybody"]
    for hash_ in hashes[:3]:
        assert "<img" in seen["seen"][hash_], hash_
    assert "<b>" in seen["seen"]["long"] or "200" in seen["seen"]["long"]


FOREIGN = """<!doctype html><title>other</title><script>
const url = "http://127.0.0.1:PORT/v1/people";
const json = {"Content-Type": "application/json"};
const body = JSON.stringify({who: "GROUP", name: "Mallory"});
const read = [];
const ask = (path, options) => fetch(url + path, options).then((answer) => answer.text())
  .then((text) => read.push(text)).catch(() => {});
Promise.all([
  ask(""), ask("/person?who=GROUP"), ask("/thumbnail?face=1"), ask("/name", {method: "POST", headers: json, body}),
  ask("/name", {method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}, body}),
  ask("/undo", {method: "POST", mode: "no-cors", body: "{}"}),
]).then(() => { document.title = "read " + read.filter((text) => text !== "").length; });
</script>"""


def test_another_origin_reads_and_changes_nothing(people, tmp_path):
    page = FOREIGN.replace("PORT", str(people.service.port)).replace("GROUP", people.group(6))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802, the name of the base class
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    before = people.said("undo", "--list")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--no-first-run", f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=10000", "--dump-dom",
             f"http://127.0.0.1:{server.server_address[1]}/"], env={**os.environ, "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        server.shutdown()
    assert "<title>read 0</title>" in done.stdout
    asked = [line for line in people.service.log().splitlines() if "/v1/people" in line]
    assert all(" 403 " in line for line in asked), asked
    assert {method for line in asked for method in ("GET", "POST") if f" {method} " in line} == {"GET", "POST"}
    assert people.said("undo", "--list") == before
    assert set(names(people)) == {"Ben"}


def test_a_store_that_is_gone_is_said_until_it_is_back(people):
    away = people.path.with_suffix(".away")
    people.path.rename(away)
    returning = threading.Timer(AWAY_SECONDS, lambda: away.rename(people.path))
    returning.start()
    seen = browse(people.service, "gone")
    returning.join()
    assert "people.mien" in seen["problem"]
    assert seen["tiles"] > 4


def test_a_photo_that_is_gone_or_changed(people):
    six = people.group(6)
    (people.photos / "00001.jpg").unlink()
    changed = people.photos / "00002.jpg"
    changed.write_bytes(changed.read_bytes() + b"more")
    seen = browse(people.service, "missing", f"#people/who/{six}", images=[1, 2])
    assert sorted(seen["tiles"]) == ["The photo has changed since it was indexed", "The photo is gone"]
    assert seen["photos"] == ["The photo is gone", "The photo has changed since it was indexed"]


def test_photos_that_are_indexed_meanwhile_are_shown(people, tmp_path):
    chance = random.Random(9)
    centre = unit(chance)
    (tmp_path / "more").mkdir()
    more = Album(tmp_path / "more")
    more.made = 1000  # other photos than those that are there
    for _ in range(2):
        more.add([face_like(centre, chance, .15)])
    written = []

    def write():
        more.put(people.path)
        written.append(time.time())

    groups = len(people.said("list"))
    later = threading.Timer(AWAY_SECONDS, write)
    later.start()
    seen = browse(people.service, "another", tiles=groups + 1)
    later.join()
    assert len([look_ms for look_ms in seen["looks"] if look_ms / 1000 > written[0]]) <= LOOKS_MAX


def test_the_page_looks_often_enough():
    """What others change is there within 2 seconds: the next look sees it, and shows it before the one behind it."""
    pages = "".join(path.read_text() for path in PAGE.glob("*.js"))
    [poll_ms] = re.findall(r"const PEOPLE_POLL_MS = (\d+)", pages)
    assert int(poll_ms) <= 1000


def test_a_service_that_asks_for_a_key(start, mien, tmp_path):
    store = tmp_path / "people.mien"
    photos = album(tmp_path, random.Random(7))
    photos.put(store)
    keys = str(tmp_path / "keys")
    key = mien("keys", "add", "me", "--people", "--key-file", keys).stdout.strip()
    service = start("--store", str(store), "--key-file", keys).ready()
    seen = browse(service, "withKey", key=key)
    assert seen == {"again": 0, "shown": 0, "kept": 0}


def test_a_store_that_is_locked_is_said(people):
    with contextlib.closing(sqlite3.connect(people.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        seen = browse(people.service, "refused", f"#people/who/{people.group(6)}")
        other.rollback()
    assert "another program" in seen["problem"]
    assert set(names(people)) == {"Ben"}


def test_an_answer_that_is_lost_on_the_way(people):
    seen = browse(people.service, "dropped", f"#people/who/{people.group(6)}")
    assert "What is shown now is what holds" in seen["problem"]
    assert names(people) == {"Ben": 3, "Anna": 6}


def test_the_page_stays_when_its_face_is_taken_out(people):
    six, [ben] = people.group(6), [str(entry["id"]) for entry in people.said("list") if entry["name"] == "Ben"]

    def view(who, letter, said, left):
        faces = json.loads(people.service.get(f"/v1/people/person?who={who}").body)["faces"]
        at = [face["id"] for face in faces].index(int(who))
        return {"hash": f"#people/who/{who}", "at": at, "letter": letter, "said": said, "left": left}

    seen = browse(people.service, "takenOut", views={"group": view(six, "s", "1 face split off", 5),
                                                     "ben": view(ben, "x", "1 face not Ben", 2)})
    assert seen["group"]["title"] == "Who is it?" and seen["group"]["hash"] != f"#people/who/{six}"
    assert seen["ben"] == {"title": "Ben", "hash": "#people/who/Ben", "links": "#people/who/Ben", "selected": 0}
    assert seen["group"]["links"] == seen["group"]["hash"] and seen["group"]["selected"] == 0
    assert seen["again"] == "Ben"
    assert people.hidden() == ["Ben"]


def test_the_page_stays_when_others_take_its_face_out(people):
    six = people.group(6)
    seen = browse(people.service, "takenByOthers", f"#people/who/{six}", left=5,
                  split={"who": six, "faces": [int(six)]})
    assert seen == {"status": 200, "title": "Who is it?"}


def test_a_person_without_a_face(people):
    name = "A/B 100% #1"
    people.say("is", face=1, name=name)
    people.say("not", face=1, name=name)
    seen = browse(people.service, "faceless", name=name, other="C%2F/D")
    assert seen["problem"] == ""
    assert people.hidden() == ["C%2F/D"]


def test_another_store_in_the_place_of_the_one_shown(people, tmp_path):
    """Its operations, faces and persons have the same numbers."""
    others = []
    for name in ("next", "last"):
        (tmp_path / name).mkdir()
        photos = Album(tmp_path / name)
        chance = random.Random(7)
        for faces in (6, 5):
            centre = unit(chance)
            for _ in range(faces):
                photos.add([face_like(centre, chance, .15)])
        others.append(tmp_path / f"{name}.mien")
        photos.put(others[-1])
        for group, given in (("1", "Cleo"), ("7", "Dora")):
            done = people.command("name", group, given, store=others[-1])
            assert done.returncode == 0, done.stderr
    seen = browse(people.service, "replaced", f"#people/who/{people.group(6)}", store=people.path, next=others[0],
                  last=others[1])
    assert seen == {"open": 0, "status": 409, "hash": "#people"}
    assert people.hidden() == []
    assert names(people) == {"Cleo": 6, "Dora": 5}
    assert [row["undone"] for row in people.said("undo", "--list")] == [False, False]


def test_slow_answers_are_waited_for_once(people):
    seen = browse(people.service, "slowly", "#people/history", photo="#people/photo/1")
    assert seen == {"most": 1, "pictures": 1, "shown": 1}


def test_a_selection_takes_what_was_never_in_view(start, mien, tmp_path):
    chance = random.Random(3)
    photos = Album(tmp_path)
    centre = unit(chance)
    for _ in range(400):
        photos.add([face_like(centre, chance, .15)])
    store = tmp_path / "people.mien"
    photos.put(store)
    [entry] = json.loads(mien("people", "list", "--store", str(store), "--json").stdout)
    service = start("--store", str(store)).ready()
    assert browse(service, "selectedThrough", f"#people/who/{entry['id']}") == {"bar": "400 selected"}


def test_a_history_of_more_than_one_answer(people):
    six = people.group(6)
    for i in range(120):
        people.say("name", who=six, name=f"Name {i}")
    seen = browse(people.service, "longHistory", "#people/history", more=1)
    assert seen["counts"] == [100, 121] and "Ben" in seen["last"] and seen["problem"] == ""


def find_barriers(people, theme, width):
    six = people.group(6)
    hashes = ["#people", f"#people/who/{six}", f"#people/who/{six}/new", "#people/photo/1", "#people/questions",
              "#people/history", f"#people/merge/{six}"]
    return browse(people.service, "barriers", theme=theme, width=width, hashes=hashes)["found"]


@pytest.mark.parametrize("width", [1280, 360])
def test_no_barriers(people, width):
    assert find_barriers(people, "dark", width) == []
