"""The routes of people: what they show and take, what they refuse, and who else sees it."""

import json
import os
import random
import shutil
import socket
import sqlite3
import threading

import pytest
from people_album import GETS, JSON, POSTS, Album, face_like, made_up_lines, query, record, unit

from conftest import head, wait_until

MARKUP = "<img src=x onerror=alert(1)> & \"Anna\" 'B'"


@pytest.fixture
def album(start, mien, tmp_path):
    return Album(start, mien, tmp_path)


def sqlite_writer(album):
    return sqlite3.connect(album.store, isolation_level=None)


# ---- What is shown

def test_people_are_listed_as_the_command_lists_them(album):
    listed = json.loads(album.command("list", "--json").stdout)
    told = album.get()
    assert told["total"] == len(listed) == len(told["people"]) > 2 and told["offset"] == 0
    for row, entry in zip(listed, told["people"]):
        assert (row["id"], row["faces"], row["images"], row["groups"]) == (
            entry["id"], entry["faces"], entry["images"], entry["groups"])
        assert entry["name"] is None and entry["person"] is None and not entry["is_hidden"]
        assert entry["cover"] in {face["id"] for face in album.faces(entry["id"])}
    assert told["statistics"]["faces"] == sum(row["faces"] for row in json.loads(
        album.command("list", "--all", "--json").stdout))
    page = album.get(offset=1, limit=1)
    assert page["people"] == told["people"][1:2] and page["offset"] == 1 and page["total"] == told["total"]
    assert album.get(offset=1000)["people"] == []
    assert all(entry["faces"] >= 5 for entry in album.people(min_faces=5))


def test_hidden_people_are_listed_where_all_are_asked_for(album):
    person = album.largest()
    album.say("/hide", who=str(person["id"]))
    assert person["id"] not in {entry["id"] for entry in album.people()}
    hidden = next(entry for entry in album.people(all="true") if entry["id"] == person["id"])
    assert hidden["is_hidden"]
    other = album.largest()
    album.say("/stranger", who=str(other["id"]))
    assert next(entry for entry in album.people(all="true") if entry["id"] == other["id"])["is_stranger"]


def test_names_are_in_their_order_and_are_completed(album):
    for entry, name in zip(album.people(), ("zoë", "Émile", "anna Berg")):
        album.say("/name", who=str(entry["id"]), name=name)
    assert [entry["name"] for entry in album.people(order="name")][:3] == ["anna Berg", "Émile", "zoë"]
    assert album.get("/names", prefix="AN")["names"] == ["anna Berg"]
    assert album.get("/names", prefix="b")["names"] == ["anna Berg"]
    assert album.get("/names", prefix="É")["names"] == ["Émile"]
    assert album.get("/names", prefix="zo\u0065\u0308")["names"] == ["zoë"], "in whatever Unicode form"
    assert len(album.get("/names", prefix="", limit=2)["names"]) == 2


def test_a_persons_faces_in_each_view(album):
    entry = album.largest()
    shown = json.loads(album.command("show", str(entry["id"]), "--json").stdout)
    told = album.get("/person", who=entry["id"])
    assert told["entry"] == entry and told["total"] == entry["faces"]
    by_id = {face["id"]: face for face in shown["faces"]}
    similar = [face["similarity"] for face in told["faces"]]
    assert similar == sorted(similar, reverse=True)
    for face in told["faces"]:
        ours = by_id[face["id"]]
        assert face["file"] == os.path.basename(ours["source"]) and face["number"] == ours["face"]
        assert face["bbox"] == pytest.approx(ours["bbox"]) and face["similarity"] == pytest.approx(ours["similarity"])
        assert (face["taken"], face["state"], face["group"]) == (ours["taken"], "found", entry["id"])
    odd = album.faces(entry["id"], view="odd")
    assert odd == told["faces"][::-1]
    assert album.faces(entry["id"], view="new") == [], "nobody said who it is: none is new"
    years = {row["year"]: row["faces"] for row in told["years"]}
    assert sum(years.values()) == told["total"]
    one = next(iter(years))
    in_it = album.faces(entry["id"], view="year", year=one)
    assert len(in_it) == years[one] and all(face["taken"].startswith(one) for face in in_it)
    assert album.faces(entry["id"], offset=1, limit=2) == told["faces"][1:3]


def test_new_and_unsure_faces(start, mien, tmp_path):
    """Faces that come later join by their similarity alone; those below the threshold are unsure."""
    lines, _ = made_up_lines(tmp_path / "photos")
    album = Album(start, mien, tmp_path, lines[:8])
    for number, entry in enumerate(album.people()):
        album.say("/name", who=str(entry["id"]), name=f"Person {number}")
    before = {entry["name"]: entry["faces"] for entry in album.people()}
    album.after(lambda: album.put(lines))
    grown = next(entry for entry in album.people() if entry["faces"] > before.get(entry["name"], 10 ** 6))
    assert grown["new_faces"] == grown["faces"] - before[grown["name"]]
    new = album.faces(grown["name"], view="new")
    assert len(new) == grown["new_faces"] and {face["state"] for face in new} == {"found"}
    rest = album.get("/person", who=grown["name"])
    assert {face["state"] for face in rest["faces"]} == {"found", "named"}
    unsure = album.get("/person", who=grown["name"], view="unsure")
    others = [face for face in rest["faces"] if face not in unsure["faces"]]
    assert not unsure["faces"] or not others or (
        max(face["similarity"] for face in unsure["faces"]) < min(face["similarity"] for face in others))


def test_a_photo_and_its_faces(album):
    face = album.faces(album.largest()["id"])[0]
    told = album.get("/photo", image=face["image"])
    assert [row["number"] for row in told["faces"]] == list(range(len(told["faces"])))
    assert face["id"] in {row["id"] for row in told["faces"]}
    image = told["image"]
    assert image["file"] == face["file"] and (image["width"], image["height"]) == (1000, 500)
    assert image["is_gone"] and not image["is_changed"], "no such file was ever there"


def test_questions_and_their_answers(start, mien, tmp_path):
    """Two groups that are nearly one person are asked about, until that is answered."""
    lines = questionable_lines(tmp_path / "photos")
    album = Album(start, mien, tmp_path, lines)
    asked = album.get("/questions")["questions"]
    listed = json.loads(album.command("suggest", "--list", "--json").stdout)
    assert asked and [(row["person"]["id"], row["other"]["id"]) for row in asked] == [
        (row["person"]["id"], row["other"]["id"]) for row in listed]
    question = asked[0]
    answer = {"kind": question["kind"], "face": question["face"]["id"], "other_face": question["other_face"]["id"],
              "person": question["person"]["id"], "other": question["other"]["id"]}
    refused = album.send("/answer", **answer | {"other": question["person"]["id"]}, yes=True)
    assert refused.status == 409, "not the groups that were shown"
    assert album.say("/answer", **answer, yes=False)["operation"]
    again = album.send("/answer", **answer, yes=False)
    assert again.status == 409 and "question" in again.message
    album.say("/undo")
    assert album.get("/questions")["questions"] == asked
    done = album.say("/answer", **answer, yes=True)
    assert done["operation"] and done["faces"] == question["person"]["faces"] + question["other"]["faces"]
    assert album.send("/answer", **answer, yes=True).status == 409


def questionable_lines(folder):
    """Two groups of four whose means are just not one person's."""
    chance = random.Random(7)
    centre, away = unit(chance), unit(chance)
    lines = []
    for number in range(8):
        near = [a + (.62 if number % 2 else -.62) * b for a, b in zip(centre, away)]
        length = sum(value * value for value in near) ** .5
        face = face_like([value / length for value in near], chance, .1)
        lines.append(record(folder / f"{number}.jpg", [face], f"{chance.getrandbits(64):016x}"))
    return lines


# ---- What is said

def test_each_change_is_an_operation_that_can_be_undone(album):
    first, second = album.people()[:2]
    one, two = str(first["id"]), str(second["id"])
    face = album.faces(one)[0]["id"]
    changes = [("/name", lambda: {"who": one, "name": "Anna"}, "name"),
               ("/is", lambda: {"face": face, "name": "Ben"}, "is"),
               ("/not", lambda: {"face": face, "name": "Anna"}, "not_person"),
               ("/merge", lambda: {"who": "Anna", "other": two}, "name"),
               ("/split", lambda: {"who": "Anna", "faces": [album.faces("Anna")[0]["id"]]}, "split"),
               ("/hide", lambda: {"who": two}, "hide"),
               ("/not_a_face", lambda: {"faces": [album.faces(two)[1]["id"]]}, "not_a_face"),
               ("/page", lambda: {"image": album.faces(two)[0]["image"]}, "page")]
    seen = {album.get("/revision")["revision"]}

    def shown():  # what is said again is said of a new person
        return [entry | {"person": entry["person"] is not None} for entry in album.people(all="true")]

    for path, make, kind in changes:
        before, members = shown(), make()
        done = album.say(path, **members)
        assert done["operation"] and done["kind"] == path[1:] and done["revision"] not in seen
        seen.add(done["revision"])
        assert album.get("/revision")["revision"] == done["revision"]
        last = album.get("/history")["operations"][0]
        assert (last["id"], last["kind"], last["is_undone"]) == (done["operation"], kind, False)
        after = shown()
        undone = album.say("/undo", operation=done["operation"])
        assert undone["operation"] == done["operation"] and undone["kind"] == kind
        assert shown() == before
        assert album.get("/history", limit=1)["operations"][0]["is_undone"]
        album.say(path, **members)
        assert shown() == after
    assert album.command("list").returncode == 0


def test_the_history_is_read_in_parts(album):
    image = album.faces(album.largest()["id"])[0]["image"]
    for _ in range(3):
        album.say("/page", image=image)
        album.say("/undo")
    everything = album.get("/history")
    assert everything["total"] == len(everything["operations"]) == 3 and everything["offset"] == 0
    parts = [album.get("/history", offset=offset, limit=2) for offset in (0, 2, 4)]
    assert [row for part in parts for row in part["operations"]] == everything["operations"]
    assert [(part["total"], part["offset"]) for part in parts] == [(3, 0), (3, 2), (3, 4)]
    album.say("/page", image=image)
    assert album.get("/history", offset=1)["operations"] == everything["operations"], "counted from the newest"
    assert album.ask("/history", offset=-1).status == album.ask("/history", limit=1001).status == 400


def test_what_holds_already_is_no_operation(album):
    who = str(album.largest()["id"])
    album.say("/name", who=who, name="Anna")
    again = album.say("/name", who=who, name="Anna")
    assert again["operation"] is None and again["name"] == "Anna"
    image = album.faces(who)[0]["image"]
    assert album.say("/page", image=image)["operation"] and album.say("/page", image=image)["operation"] is None


def test_another_tab_named_it_otherwise(album):
    who = str(album.largest()["id"])
    album.say("/name", who=who, name="Anna", seen=None)
    refused = album.send("/name", who=who, name="Ben", seen=None)
    assert refused.status == 409 and refused.json()["error"]["code"] == "conflict" and "Anna" in refused.message
    assert album.send("/name", who=who, name="Ben", seen="Berta").status == 409
    assert album.say("/name", who=who, name="Ben", seen="Anna")["name"] == "Ben"
    assert album.say("/name", who=who, name="Cleo")["name"] == "Cleo", "who says nothing of what was seen meant it"


def test_forgetting_says_what_goes_and_does_no_more(album):
    who = str(album.largest()["id"])
    album.say("/name", who=who, name="Anna")
    shown = album.get("/forget", who="Anna")
    entry = album.largest()
    assert (shown["name"], shown["faces"], shown["images"]) == ("Anna", entry["faces"], entry["images"])
    assert album.send("/forget", who="Anna", token="0" * 64).status == 409
    face = album.faces("Anna")[0]["id"]
    album.say("/not", face=face, name="Anna")
    assert album.send("/forget", who="Anna", token=shown["token"]).status == 409, "something else would go by now"
    shown = album.get("/forget", who="Anna")
    assert album.get("/forget", who="Anna")["token"] == shown["token"]
    gone = album.say("/forget", who="Anna", token=shown["token"])
    assert [gone[key] for key in ("faces", "statements", "embeddings")] == [
        shown[key] for key in ("faces", "statements", "embeddings")]
    assert "Anna" not in json.dumps(album.get(all="true")) + json.dumps(album.get("/history"))
    assert album.ask("/person", who="Anna").status == 404
    assert album.mien("store", "check", "--store", str(album.store)).returncode == 0


def test_what_makes_no_sense_is_refused_and_changes_nothing(album):
    who = str(album.largest()["id"])
    face = album.faces(who)[0]["id"]
    album.say("/is", face=face, name="Anna")
    before = album.get("/history")
    for path, members, status, part in (
            ("/name", {"who": who, "name": ""}, 400, "empty"),
            ("/name", {"who": who, "name": "a" * 65536}, 400, "longer"),
            ("/name", {"who": who, "name": "a\x1bb"}, 400, "control"), ("/name", {"who": who, "name": 5}, 400, "text"),
            ("/name", {"who": who, "name": "a\u202eb"}, 400, "direction"),
            ("/name", {"who": who, "name": "a\u0000"}, 400, "control"),
            ("/name", {"who": who, "name": "12"}, 400, "digits"),
            ("/name", {"who": "99999", "name": "B"}, 404, "group"),
            ("/name", {"who": who}, 400, "name"), ("/name", {"who": who, "name": "B", "more": 1}, 400, "member"),
            ("/is", {"face": face, "name": "Ben"}, 400, "is Anna"), ("/is", {"face": 99999, "name": "B"}, 404, "face"),
            ("/is", {"face": "1", "name": "B"}, 400, "id"), ("/is", {"face": -1, "name": "B"}, 400, "id"),
            ("/is", {"face": 1.5, "name": "B"}, 400, "id"), ("/is", {"face": 2 ** 64, "name": "B"}, 400, "id"),
            ("/merge", {"who": "Anna", "other": "ANNA"}, 400, "one person"),
            ("/hide", {"who": "Nobody"}, 404, "called"),
            ("/split", {"who": who, "faces": []}, 400, "faces"), ("/page", {"image": 99999}, 404, "photo"),
            ("/undo", {"operation": 77}, 404, "77"), ("/not_a_face", {"faces": [face]}, 400, "is Anna"),
            ("/answer", POSTS["/answer"] | {"kind": "x"}, 400, "kind"), ("/answer", POSTS["/answer"], 409, "question")):
        answer = album.send(path, **members)
        assert (answer.status, part in answer.message) == (status, True), (path, members, answer.body)
        assert len(answer.message) < 1000
    assert album.get("/history")["operations"] == before["operations"]
    for path, options, status in (("/person", {}, 400), ("/person", {"who": who, "view": "x"}, 400),
                                  ("/person", {"who": who, "view": "year"}, 400), ("", {"limit": 201}, 400),
                                  ("/person", {"who": who, "view": "year", "year": "19"}, 400),
                                  ("", {"offset": -1}, 400), ("", {"all": "maybe"}, 400), ("", {"x": 1}, 400),
                                  ("/photo", {"image": 99999}, 404), ("/thumbnail", {"face": 99999}, 404),
                                  ("/thumbnail", {"face": 1, "size": 9}, 400), ("/picture", {"image": "../a"}, 400)):
        answer = album.ask(path, **options)
        assert answer.status == status, (path, options, answer.body)
    assert album.service.get("/v1/people?limit=1&limit=2").status == 400


def test_a_body_is_json_and_says_so(album):
    body = json.dumps({"who": str(album.largest()["id"]), "name": "Anna"}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", ""):
        headers = [f"Content-Type: {kind}"] if kind else []
        assert album.service.post("/v1/people/name", body, headers=headers).status == 415, kind
    deep = b'{"who":' + b"[" * 400_000
    for text in (deep, deep + b"]" * 400_000 + b"}"):
        answer = album.service.post("/v1/people/name", text, headers=[JSON])
        assert answer.status == 400 and "nested deeper" in answer.message
    for text in (b"", b"{", b"[]", b"null", b"\xff", b'{"who":"\xff"}', b'{"who":"\\ud800","name":"a"}'):
        assert album.service.post("/v1/people/name", text, headers=[JSON]).status == 400, text
    large = b'{"who":"' + b"a" * (1 << 20) + b'"}'
    assert album.service.post("/v1/people/name", large, headers=[JSON]).status == 413
    kind = "Content-Type: Application/JSON; charset=utf-8"
    assert album.service.post("/v1/people/name", body, headers=[kind]).status == 200


def test_markup_stays_text(album):
    album.say("/name", who=str(album.largest()["id"]), name=MARKUP)
    assert album.largest()["name"] == MARKUP
    page = album.service.get("/people/list")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    text = page.body.decode()
    assert "<img" not in text and "&lt;img src=x onerror=alert(1)&gt; &amp; &quot;Anna&quot; &#39;B&#39;" in text


def test_pages_without_script(album):
    text = album.service.get("/people/list?limit=1").body.decode()
    entry = max(album.people(), key=lambda entry: entry["images"])
    assert f'<a href="/people/list?who={entry["id"]}">group {entry["id"]}</a>' in text
    assert "offset=1&amp;limit=1" in text
    person = album.service.get(f"/people/list?who={entry['id']}").body.decode()
    for face in album.faces(entry["id"]):
        assert f"<li>{face['file']}, {face['taken'][:10]}</li>" in person
    assert album.service.get("/people/list?who=99999").status == 404
    assert "<script" not in text + person


# ---- Who else sees it

def test_commands_pages_and_the_index_see_each_others_changes(album):
    entry = album.largest()
    before = album.get("/revision")["revision"]
    assert album.get("/revision")["revision"] == before
    assert album.after(lambda: album.command("name", str(entry["id"]), "Anna"), seconds=2).returncode == 0
    assert album.largest()["name"] == "Anna"
    album.say("/name", who="Anna", name="Berta")
    assert "Berta" in album.command("list").stdout
    before = album.get()
    album.after(lambda: album.put(made_up_lines(album.photos / "more", seed=2, photos=3)[0]), seconds=2)
    assert album.get()["statistics"]["faces"] > before["statistics"]["faces"]


def test_a_store_that_is_locked(album):
    who = str(album.largest()["id"])
    with sqlite_writer(album) as other:
        other.execute("BEGIN IMMEDIATE")
        assert album.get("/person", who=who)["total"], "it can be read"
        refused = album.send("/name", who=who, name="Anna")
        assert refused.status == 503 and int(refused.headers["retry-after"]) >= 1, refused.body
        assert refused.json()["error"]["code"] == "unavailable"
        other.execute("ROLLBACK")
    other.close()
    assert album.largest()["name"] is None and album.say("/name", who=who, name="Anna")["name"] == "Anna"


def test_who_looks_needs_no_room_to_write(album):
    """Groups are kept where that is possible; another program that writes keeps nobody from seeing them."""
    before = album.get()["statistics"]["faces"]
    album.put(made_up_lines(album.photos / "more", seed=2, photos=3)[0])
    with sqlite_writer(album) as other:
        other.execute("BEGIN IMMEDIATE")
        wait_until(lambda: album.get()["statistics"]["faces"] > before, 30)  # reading took long
        shown = album.people()
        other.execute("ROLLBACK")
    other.close()
    # Photos are those of now all the same.
    assert shown == album.people()
    album.put(made_up_lines(album.photos / "newest", seed=3, photos=1)[0])
    rows = sqlite_writer(album).execute("SELECT image, count(*) FROM face GROUP BY image ORDER BY image DESC")
    image, faces = rows.fetchone()
    rows.connection.close()
    assert album.get("/photo", image=image)["faces"] == []
    wait_until(lambda: len(album.get("/photo", image=image)["faces"]) == faces, 30)
    album.say("/name", who=str(shown[0]["id"]), name="Anna")
    assert json.loads(album.command("list", "--json").stdout)[0]["name"] == "Anna"


def test_a_change_that_holds_is_no_error(album):
    """Another program takes the lock as soon as the operation is there, before the groups that follow are kept."""
    who, holds, is_over = str(album.largest()["id"]), threading.Event(), threading.Event()

    def take_the_lock():
        other = sqlite_writer(album)
        while not is_over.is_set() and not other.execute("SELECT count(*) FROM operation").fetchone()[0]:
            pass
        other.execute("BEGIN IMMEDIATE")
        holds.set()
        is_over.wait(60)
        other.execute("ROLLBACK")
        other.close()

    thread = threading.Thread(target=take_the_lock)
    thread.start()
    try:
        said = album.say("/name", who=who, name="Anna")
        assert holds.wait(10)
    finally:
        is_over.set()
    thread.join()
    assert [row["id"] for row in album.get("/history")["operations"]] == [said["operation"]]
    assert album.largest()["name"] == "Anna"


def test_a_store_that_is_replaced_or_gone(album):
    album.say("/name", who=str(album.largest()["id"]), name="Anna")
    backup = album.folder / "backup.mien"
    assert album.mien("store", "backup", str(backup), "--store", str(album.store)).returncode == 0
    album.say("/name", who="Anna", name="Berta")
    restored = album.after(lambda: album.mien("store", "restore", str(backup), "--store", str(album.store)))
    assert restored.returncode == 0
    assert album.largest()["name"] == "Anna"
    other = album.folder / "other.mien"
    shutil.move(album.store, other)
    for side in ("-wal", "-shm"):
        if os.path.exists(f"{album.store}{side}"):
            shutil.move(f"{album.store}{side}", f"{other}{side}")
    gone = album.ask("")
    assert gone.status == 404 and "mien index" in gone.message
    assert album.ask("/revision").status == 404 and album.send("/undo").status == 404
    shutil.move(other, album.store)
    for side in ("-wal", "-shm"):
        if os.path.exists(f"{other}{side}"):
            shutil.move(f"{other}{side}", f"{album.store}{side}")
    assert album.largest()["name"] == "Anna"


def test_ids_are_of_one_store(album):
    """Whoever says of which store ids are says nothing of another one."""
    def identity():
        return album.get("/revision")["revision"].partition("-")[0]

    first, who = identity(), str(album.largest()["id"])
    assert album.say("/name", who=who, name="Anna", store=first)["revision"].startswith(f"{first}-")
    assert identity() == first and album.get()["revision"].startswith(f"{first}-")
    backup, seen = album.folder / "backup.mien", {first}
    assert album.mien("store", "backup", str(backup), "--store", str(album.store)).returncode == 0
    for number in range(2):
        for side in ("", "-wal", "-shm"):
            if os.path.exists(f"{album.store}{side}"):
                shutil.move(f"{album.store}{side}", f"{album.folder}/old{number}{side}")
        shutil.copy(backup, album.store)
        before = album.get("/history")["operations"]
        for path, members in POSTS.items():
            refused = album.send(path, **members, store=first)
            assert refused.status == 409 and "another store" in refused.message, path
        assert album.get("/history")["operations"] == before
        assert identity() not in seen
        seen.add(identity())
        assert album.send("/name", who="Anna", name="Berta", store=5).status == 400
        assert album.say("/name", who="Anna", name="Berta", store=identity())["name"] == "Berta"
    album.service.end()
    album.service = album.start("--store", str(album.store))
    assert identity() not in seen, "after a restart too"


def test_a_store_that_is_damaged_or_newer(album):
    album.service.end()
    with sqlite_writer(album) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.execute("PRAGMA user_version = 99")
    other.close()
    refused = album.mien("serve", "--listen", "127.0.0.1:0", "--store", str(album.store))
    assert refused.returncode == 2 and "newer mien" in refused.stderr and "update mien" in refused.stderr
    with sqlite_writer(album) as other:
        other.execute("PRAGMA user_version = 1")
        other.execute("UPDATE face SET box = zeroblob(16) WHERE id = 1")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = other.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'face'").fetchone()[0]
    other.close()
    data = bytearray(album.store.read_bytes())
    data[(pages - 1) * 8192:(pages - 1) * 8192 + 100] = os.urandom(100)
    album.store.write_bytes(data)
    service = album.start("--store", str(album.store))
    answer = service.get("/v1/people")
    assert answer.status == 422 and answer.json()["error"]["code"] == "bad_data", answer.body
    assert "mien store check" in answer.message
    assert service.get("/healthz").status == 200


def test_without_a_store_the_start_is_refused_and_without_the_flag_there_are_no_routes(mien, service, tmp_path):
    refused = mien("serve", "--listen", "127.0.0.1:0", "--store", str(tmp_path / "none.mien"))
    assert refused.returncode == 2 and "mien index" in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert service.get("/v1/people").status == 404
    assert "/v1/people" not in service.get("/openapi.json").json()["paths"]


def test_a_connection_that_drops_leaves_done_or_not(album):
    who = str(album.largest()["id"])
    for number in range(20):
        body = json.dumps({"who": who, "name": f"Name {number}"}).encode()
        with album.service.connect() as connection:
            whole = head("POST", "/v1/people/name", [JSON, f"Content-Length: {len(body)}"]) + body
            connection.send(whole[:len(whole) - number % 3])
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        name = album.largest()["name"]
        said = [row for row in album.get("/history")["operations"] if not row["is_undone"]]
        assert name == (said[0]["text"] if said else None)
    assert album.mien("store", "check", "--store", str(album.store)).returncode == 0


# ---- Who may ask

def test_off_loopback_people_need_a_key_of_their_own(start, mien, tmp_path):
    album = Album(start, mien, tmp_path)
    album.service.end()
    arguments = ["serve", "--no-sandbox", "--listen", "0.0.0.0:0", "--store", str(album.store)]
    refused = mien(*arguments)
    assert refused.returncode == 2 and "mien keys add NAME --people" in refused.stderr
    plain = mien("keys", "add", "crawler").stdout.strip()
    refused = mien(*arguments)
    assert refused.returncode == 2 and "mien keys add NAME --people" in refused.stderr
    key = mien("keys", "add", "me", "--people").stdout.strip()
    assert mien("keys", "list").stdout == "crawler\nme people\n"
    service = start("--no-sandbox", "--store", str(album.store), listen="0.0.0.0:0")
    paths = [("GET", query(f"/v1/people{path}", **options)) for path, options in GETS.items()]
    paths += [("POST", f"/v1/people{path}") for path in POSTS] + [("GET", "/people/list"), ("HEAD", "/v1/people")]
    rows = service.get("/openapi.json", host="any").json()["paths"]
    described = {(method.upper(), path) for path, row in rows.items() for method in row
                 if "people" in path and method != "head"}
    assert described == {(method, path.partition("?")[0]) for method, path in paths if method != "HEAD"}
    for method, path in paths:
        body = json.dumps(POSTS[path[len("/v1/people"):]]).encode() if method == "POST" else None
        for headers, message in (([], "a key is needed"), (["x-api-key: wrong"], "not one of this service"),
                                 ([f"x-api-key: {plain}"], "--people"),
                                 ([f"Authorization: Bearer {plain}"], "--people")):
            answer = service.ask(method, path, body, [*headers, JSON], host="any")
            assert answer.status == 401, (method, path, headers)
            assert method == "HEAD" or message in answer.message
        assert service.ask(method, path, body, [f"x-api-key: {key}", JSON], host="any").status != 401, path
    for one in (plain, key):
        assert service.get("/v1/devices", headers=[f"x-api-key: {one}"], host="any").status == 200
    service.end()


def test_a_page_of_another_origin_can_neither_read_nor_change(album):
    own = f"localhost:{album.service.port}"
    body = json.dumps({"who": str(album.largest()["id"]), "name": "Anna"}).encode()
    for header in ("Origin: http://evil.example", "Origin: null", "Origin: http://localhost:1",
                   "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"):
        for path, options in GETS.items():
            answer = album.service.get(query(f"/v1/people{path}", **options), headers=[header], host=own)
            assert answer.status == 403, (header, path)
        for path, members in POSTS.items():
            text = json.dumps(members).encode()
            assert album.service.post(f"/v1/people{path}", text, headers=[header, JSON], host=own).status == 403
        assert album.service.get("/people/list", headers=[header], host=own).status == 403
    assert album.service.get("/v1/people", host="evil.example").status == 403
    assert album.largest()["name"] is None
    same = [f"Origin: http://{own}", "Sec-Fetch-Site: same-origin", JSON]
    answer = album.service.post("/v1/people/name", body, headers=same, host=own)
    assert answer.status == 200 and not [name for name in answer.headers if name.startswith("access-control")]


def test_no_log_line_has_a_name_or_a_file(album):
    who = str(album.largest()["id"])
    album.say("/name", who=who, name="Annabella")
    assert album.ask("/person", who="Annabella").status == 200 and album.ask("/person", who="Berthold").status == 404
    assert album.get("/names", prefix="Annab")["names"]
    album.ask("/thumbnail", face=1)
    album.service.end()
    log = album.service.log()
    assert "/v1/people/name" in log
    for word in ("Annabella", "Annab", "Berthold", ".jpg", "people.mien"):
        assert word not in log, word


# ---- How they are described

def test_the_routes_are_described(album):
    validator = pytest.importorskip("openapi_spec_validator")
    document = album.service.get("/openapi.json").json()
    validator.validate(document)
    for path, options in GETS.items():
        row = document["paths"][f"/v1/people{path}"]["get"]
        answer = album.ask(path, **options)
        assert str(answer.status) in row["responses"], (path, answer.status)
        assert {one["name"] for one in row["parameters"] if one["required"]} <= set(options) if options else True
    for path, members in POSTS.items():
        row = document["paths"][f"/v1/people{path}"]["post"]
        schema = row["requestBody"]["content"]["application/json"]["schema"]
        assert set(members) <= set(schema["properties"])
        assert str(album.send(path, **members).status) in row["responses"]


def test_answers_are_what_their_schemas_say(album):
    jsonschema = pytest.importorskip("jsonschema")
    paths = album.service.get("/openapi.json").json()["paths"]
    album.say("/name", who=str(album.largest()["id"]), name="Anna")
    for path, options in GETS.items():
        schema = paths[f"/v1/people{path}"]["get"]["responses"]["200"]["content"].get("application/json")
        if schema:
            jsonschema.validate(album.get(path, **options), schema["schema"])
