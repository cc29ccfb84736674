#!/usr/bin/env python3
"""What the commands of an index take at a hundred thousand, half a million and a million faces, which are made up.

    bench/people_scale.py make STORE --put FILE --faces N [--people N --faces-each N] [--first N]     a store, or more
    bench/people_scale.py groups STORE                  neighbours and groups from nothing, and memory at its peak
    bench/people_scale.py split STORE --truth FILE      in how many groups those with a thousand faces and more are
    bench/people_scale.py more STORE --put FILE [--new 1000]   new faces in a store that has its groups
    bench/people_scale.py correct STORE [--times 5]     `mien people name`, `not`, `merge` and `undo`
    bench/people_scale.py open STORE [--times 5]        `mien find NAME`, files cached
    bench/people_scale.py again FOLDER                  `mien index` of FOLDER/photos, and once more without news

Faces are those of people with many photos and of people with few, in noise as that of embeddings of one person (mean
cosine about 0.55). --put is the tests' program put_records. Times are of whole commands, the start of the program
included; memory is what /usr/bin/time calls the maximum resident size. Needs numpy.
"""
import argparse
import base64
import collections
import hashlib
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import time

import numpy as np

DIMENSION = 512
NOISE = 0.9 / DIMENSION**0.5
AT_A_TIME = 10_000
TIMINGS = dict.fromkeys(("read", "decode", "enhance", "detect", "embed", "quality", "total"), 0)
MODELS = {"detector": "centerface", "embedder": "fr_feature", "embedder_id": "made-up"}
FOLDER = "/made-up/photos"
LARGE = 1000  # faces of one person


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def people_of(options, chance):
    """The person of each face: those that are asked for, and others as in family photos, where most are seen once."""
    sizes = [options.faces_each] * options.people
    while sum(sizes) < options.faces:
        sizes.append(min(5000, int(chance.pareto(1.1) * 2) + 1))
    people = np.repeat(np.arange(len(sizes)), sizes)[: options.faces]
    chance.shuffle(people)
    return people


def line_of(number, vector):
    """A record of `mien scan --embeddings base64`, of a photo with one face."""
    name = f"{FOLDER}/{number // 1000:04}/{number:07}.jpg"
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    face = {"bbox": [100, 10, 180, 100], "landmarks": None, "det_score": 0.9, "face_size": [80, 90], "scale": 1,
            "enhancement_scale": 1, "rotation": 0, "quality": None, "recognition_quality": 0.9, "poor_reason": None,
            "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode()}
    return json.dumps({"source": name, "source_size": 1, "source_mtime_ns": 1, "terms": "made up", "sha256": sha256,
                       "phash": sha256[:16], "format": "jpeg", "width": 1000, "height": 500, "taken": None,
                       "faces": [face], "models": MODELS, "placement": {}, "timings_ms": TIMINGS, "warnings": [],
                       "error": None})


def make(options):
    chance = np.random.default_rng(19 + options.first)
    people = people_of(options, chance)
    # People whom a first part has seen are seen again.
    centres = unit(np.random.default_rng(19).standard_normal((people.max() + 1, DIMENSION), dtype=np.float32))
    begin = time.monotonic()
    put = subprocess.Popen([options.put, options.store, FOLDER], stdin=subprocess.PIPE, text=True)
    for first in range(0, len(people), AT_A_TIME):
        some = people[first:first + AT_A_TIME]
        vectors = unit(centres[some] + chance.standard_normal((len(some), DIMENSION), dtype=np.float32) * NOISE)
        put.stdin.writelines(f"{line_of(options.first + first + i, vector)}\n" for i, vector in enumerate(vectors))
    put.stdin.close()
    if put.wait() != 0:
        sys.exit("put_records failed")
    if options.truth:
        options.truth.write_text(json.dumps(people.tolist()), encoding="ascii")
    size = pathlib.Path(options.store).stat().st_size
    print(f"{len(people):,} faces of {people.max() + 1:,} people in {time.monotonic() - begin:.0f} s, "
          f"{size / 2**20:.0f} MB, {size / len(people):,.0f} bytes a face", flush=True)


def run(options, *words):
    """Seconds, and MB at the peak; the command must end well."""
    begin = time.monotonic()
    command = subprocess.Popen([options.mien, *map(str, words), "--store", options.store],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = command.stderr.read().decode()
    _, status, usage = os.wait4(command.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f"mien {' '.join(map(str, words))}: {complaint}")
    return time.monotonic() - begin, usage.ru_maxrss / 1024


def listed(options, *words):
    out = subprocess.run([options.mien, "people", "list", "--json", *words, "--store", options.store], check=True,
                         capture_output=True).stdout
    return json.loads(out)


def faces_in(store):
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
        return database.execute("SELECT count(*) FROM face").fetchone()[0]


def groups(options):
    seconds, peak = run(options, "people", "list")
    print(f"{faces_in(options.store):,} faces: neighbours and groups from nothing in {seconds:.1f} s, {peak:.0f} MB at "
          f"the peak; {faces_in(options.store) * 2 * DIMENSION / 2**20:.0f} MB are the vectors")
    seconds, peak = run(options, "people", "list")
    print(f"the same again, nothing to do: {seconds:.2f} s, {peak:.0f} MB")


def split(options):
    people = json.loads(options.truth.read_text(encoding="ascii"))
    out = subprocess.run([options.mien, "people", "export", "--all", "--store", options.store], check=True,
                         capture_output=True).stdout
    groups_of, mixed, ungrouped = collections.defaultdict(set), 0, collections.Counter(people)
    for row in json.loads(out):
        on = collections.Counter(people[int(pathlib.Path(face["source"]).stem)] for face in row["faces"])
        ungrouped -= on
        mixed += len(on) > 1
        for person in on:
            groups_of[person].add(row["id"])
    large = [person for person, count in collections.Counter(people).items() if count >= LARGE]
    counts = collections.Counter(len(groups_of[person]) for person in large)
    print(f"{len(people):,} faces of {len(groups_of):,} people; {len(large)} people of {LARGE:,} faces and more: "
          + ", ".join(f"{many} in {count}" for count, many in sorted(counts.items())) + f" groups; {mixed} groups mix "
          f"people; {sum(ungrouped.values())} faces in no group")


def more(options):
    before = faces_in(options.store)
    options.first, options.faces, options.people, options.truth = 10_000_000, options.new, 0, None
    make(options)
    seconds, peak = run(options, "people", "list")
    print(f"{options.new:,} new faces in {before:,}: grouped in {seconds:.1f} s, {peak:.0f} MB at the peak")


def correct(options):
    entries = listed(options)
    count = faces_in(options.store)
    for kind in ("name", "not", "merge", "undo"):
        times = []
        for turn in range(options.times):
            one, other = entries[2 * turn]["id"], entries[2 * turn + 1]["id"]
            name = f"Person {os.getpid()} {turn}"
            words = {"name": ("name", one, name), "merge": ("merge", one, other), "undo": ("undo",),
                     "not": ("not", face_of(options, one), name)}[kind]
            times.append(run(options, "people", *words)[0])
        print(f"{count:,} faces, people {kind}: median {statistics.median(times):.2f} s, longest {max(times):.2f} s",
              flush=True)


def face_of(options, group):
    out = subprocess.run([options.mien, "people", "show", "--json", str(group), "--store", options.store], check=True,
                         capture_output=True).stdout
    face = json.loads(out)["faces"][-1]
    return f"{face['source']}#{face['face']}"


def open_for_find(options):
    entries = listed(options)
    name = next((entry["name"] for entry in entries if entry["name"]), entries[len(entries) // 2]["id"])
    times = [run(options, "find", name) for _ in range(options.times + 1)][1:]
    print(f"{faces_in(options.store):,} faces, mien find: median {statistics.median(t for t, _ in times):.2f} s, "
          f"longest {max(t for t, _ in times):.2f} s, {max(peak for _, peak in times):.0f} MB at the peak")


def again(options):
    options.store = str(pathlib.Path(options.store) / "people.mien")
    folder = pathlib.Path(options.store).parent / "photos"
    for turn in ("first", "second"):
        seconds, peak = run(options, "index", folder)
        print(f"mien index of {sum(1 for _ in folder.rglob('*.jpg')):,} photos, {turn}: {seconds:.1f} s, {peak:.0f} MB",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "groups", "split", "more", "correct", "open", "again"])
    parser.add_argument("store", help="the store, or for `again` a folder with photos/ in it")
    parser.add_argument("--mien", default="build/release/mien", help="the program")
    parser.add_argument("--put", default="build/dev/tests/put_records", help="the tests' program")
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=0, help="so many people, each on --faces-each photos")
    parser.add_argument("--faces-each", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first photo")
    parser.add_argument("--truth", type=pathlib.Path, help="where the person of each photo is written")
    parser.add_argument("--new", type=int, default=1000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    {"make": make, "groups": groups, "split": split, "more": more, "correct": correct, "open": open_for_find,
     "again": again}[options.what](options)


if __name__ == "__main__":
    main()
