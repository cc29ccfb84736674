#!/usr/bin/env python3
"""Groups of faces on labelled photos, beside DBSCAN and Chinese whispers on the same embeddings.

    mien scan LFW/images --embeddings base64 --out lfw.jsonl
    bench/groups.py lfw.jsonl --put BUILD/put_records --mien BUILD/mien [--orders 20] [--runs]

File names are PERSON_NUMBER.jpg. Of several faces in a photo the one nearest its middle counts, and it alone is put
into the store, which `mien people export` reads back. Prints BCubed precision, recall and F, groups, groups of three
and more that mix people, and faces that are not of their group's person. The others get the best of five thresholds on
all photos, and keep it on fewer. Then everybody with two photos and more gets a name, and what is wrong is put right by
statements, which are counted.

At last groups are compared face by face: those of the photos in several orders, and with --runs those of photos that
came in 1, 10 and 100 runs, with groups made after each. Others than the first are a failure. Needs numpy and
scikit-learn.
"""
import argparse
import base64
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
from sklearn.cluster import DBSCAN

THRESHOLDS = (.40, .45, .478, .50, .55)
LARGE = 3
ROUNDS_MAX = 5  # of corrections
RUNS = (1, 10, 100)


def centre_faces(path):
    """[(record with that one face, unit vector, person)]."""
    rows = []
    for line in open(path, encoding="utf-8"):
        record = json.loads(line)
        faces = [face for face in record.get("faces") or [] if face.get("embedding")]
        if not faces:
            continue
        def distance(face):
            x1, y1, x2, y2 = face["bbox"]
            return ((x1 + x2 - record["width"]) / 2) ** 2 + ((y1 + y2 - record["height"]) / 2) ** 2
        record["source"] = os.path.abspath(record["source"])  # without "..": so statements look for it
        record["faces"] = [min(faces, key=distance)]
        vector = np.frombuffer(base64.b64decode(record["faces"][0]["embedding"]), "<f4")
        name = pathlib.Path(record["source"]).stem.partition(".")[0].rpartition("_")[0]
        rows.append((record, vector / np.linalg.norm(vector), name))
    return rows


def bcubed(labels, people):
    groups, persons = collections.defaultdict(list), collections.defaultdict(list)
    for label, person in zip(labels, people):
        groups[label].append(person)
        persons[person].append(label)
    precision = np.mean([groups[label].count(person) / len(groups[label]) for label, person in zip(labels, people)])
    recall = np.mean([persons[person].count(label) / len(persons[person]) for label, person in zip(labels, people)])
    mixed = sum(len(group) >= LARGE and len(set(group)) > 1 for group in groups.values())
    wrong = sum(len(group) - max(collections.Counter(group).values()) for group in groups.values())
    return precision, recall, 2 * precision * recall / (precision + recall), len(groups), mixed, wrong


def put(rows, arguments, store):
    lines = "".join(json.dumps(record) + "\n" for record, _, _ in rows)
    subprocess.run([arguments.put, store, "/"], input=lines, text=True, check=True)


def asked(mien, store, *words):
    """What `mien people` answers."""
    return json.loads(subprocess.run([mien, "people", *words, "--store", store], check=True, text=True,
                                     capture_output=True).stdout)


def by_mien(rows, arguments, runs=1):
    """A label a row; a face in no group is alone, and its label is below zero."""
    with tempfile.TemporaryDirectory() as folder:
        store = pathlib.Path(folder) / "people.mien"
        for run in range(runs):
            put(rows[run::runs], arguments, store)  # the photos of one person come in several runs
            groups = asked(arguments.mien, store, "export", "--all")
    label = {face["source"]: group["id"] for group in groups for face in group["faces"]}
    assert label.keys() <= {record["source"] for record, _, _ in rows}, "the store names photos otherwise"
    return [label.get(record["source"], -i) for i, (record, _, _) in enumerate(rows, 1)]


def partition(rows, labels):
    """Groups as sets of photos, beside whether they are groups or a face in none: equal whatever their numbers."""
    groups = collections.defaultdict(set)
    for label, (record, _, _) in zip(labels, rows):
        groups[label].add(record["source"])
    return {(label > 0, frozenset(photos)) for label, photos in groups.items()}


class Corrections:
    """Somebody who knows everybody looks at one group after the other, and says what is wrong."""

    def __init__(self, rows, arguments, folder):
        self.mien, self.store = arguments.mien, pathlib.Path(folder) / "people.mien"
        put(rows, arguments, self.store)
        self.person_of = {record["source"]: person for record, _, person in rows}
        self.photos = collections.Counter(self.person_of.values())
        self.count = collections.Counter()

    def groups(self):
        return [(row["name"], [face["source"] for face in row["faces"]], row["id"])
                for row in asked(self.mien, self.store, "export", "--all")]

    def questions_right(self):
        """Of the best questions, whether the two are one person."""
        return [len({self.person_of[face["source"]] for face in question["faces"]}) == 1
                for question in asked(self.mien, self.store, "suggest", "--count", "10", "--json")]

    def say(self, kind, *words):
        self.count[kind] += 1
        subprocess.run([self.mien, "people", kind, *map(str, words), "--store", self.store], check=True,
                       capture_output=True)

    def give_names(self):
        """Each group gets the name of most of its faces, where that person is on several photos."""
        for _, photos, group in self.groups():
            (person, faces), = collections.Counter(self.person_of[photo] for photo in photos).most_common(1)
            if faces > 1:
                self.say("name", group, person)

    def correct(self):
        """One statement a mistake: a face that is somebody else, or that its person lacks."""
        there = {photo: name for name, photos, _ in self.groups() for photo in photos}
        for photo, name in there.items():
            if name is not None and name != self.person_of[photo]:
                self.say("not", f"{photo}#0", name)
        for photo, person in self.person_of.items():
            if self.photos[person] > 1 and there.get(photo) != person:
                self.say("is", f"{photo}#0", person)
        for name, photos, group in self.groups():
            others = [photo for photo in photos if self.person_of[photo] != self.person_of[photos[0]]]
            if name is None and others:
                self.say("split", group, *(f"{photo}#0" for photo in others))

    def mistakes(self):
        groups = self.groups()
        there = {photo: name for name, photos, _ in groups for photo in photos}
        mixed = sum(len({self.person_of[photo] for photo in photos}) > 1 for _, photos, _ in groups)
        return mixed + sum(count > 1 and there.get(photo) != person for photo, person in self.person_of.items()
                           for count in [self.photos[person]])


def print_corrections(rows, arguments):
    with tempfile.TemporaryDirectory() as folder:
        corrections = Corrections(rows, arguments, folder)
        right = corrections.questions_right()
        print(f"\nof the {len(right)} best questions {sum(right)} are right")
        corrections.give_names()
        before = corrections.mistakes()
        rounds = 0
        while corrections.mistakes() and rounds < ROUNDS_MAX:
            corrections.correct()
            rounds += 1
        said = ", ".join(f"{count} {kind}" for kind, count in corrections.count.items())
        print(f"mistakes after naming {before}, after correcting {corrections.mistakes()}; said: {said}")


def by_dbscan(vectors, threshold):
    labels = DBSCAN(eps=1 - threshold, min_samples=4, metric="cosine").fit_predict(vectors)
    return [label if label >= 0 else -i for i, label in enumerate(labels, 2)]


def by_whispers(vectors, threshold, rounds=20):
    """Chinese whispers (Biemann 2006): each face takes the label that weighs most among those similar to it."""
    chance = random.Random(1)
    similar = vectors @ vectors.T
    near = [[j for j in np.flatnonzero(row >= threshold) if j != i] for i, row in enumerate(similar)]
    labels, order = list(range(len(vectors))), list(range(len(vectors)))
    for _ in range(rounds):
        chance.shuffle(order)
        for i in order:
            weights = collections.defaultdict(float)
            for j in near[i]:
                weights[labels[j]] += similar[i, j]
            if weights:
                labels[i] = max(weights, key=weights.get)
    return labels


def row_text(name, count, score):
    precision, recall, f, groups, mixed, wrong = score
    return f"| {name} | {count:,} | {precision:.4f} | {recall:.4f} | {f:.4f} | {groups} | {mixed} | {wrong} |"


def equal_in_orders(rows, expected, arguments):
    others = []
    for order in range(arguments.orders):
        shuffled = random.Random(order).sample(rows, len(rows))
        if partition(shuffled, by_mien(shuffled, arguments)) != expected:
            others.append(order)
    print(f"equal groups in {arguments.orders - len(others)} of {arguments.orders} orders"
          + (f", others in {others}" if others else ""), flush=True)
    return not others


def equal_in_runs(rows, expected, arguments):
    print("\n| runs | equal groups | F | mixed |\n" + "|---" * 4 + "|")
    all_equal = True
    for runs in RUNS:
        labels = by_mien(rows, arguments, runs)
        _, _, f, _, mixed, _ = bcubed(labels, [person for _, _, person in rows])
        equal = partition(rows, labels) == expected
        print(f"| {runs} | {'yes' if equal else 'no'} | {f:.4f} | {mixed} |", flush=True)
        all_equal = all_equal and equal
    return all_equal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records")
    parser.add_argument("--put", required=True)
    parser.add_argument("--mien", required=True)
    parser.add_argument("--photos", type=int, nargs="*", default=[400, 800])
    parser.add_argument("--orders", type=int, default=3, help="orders of photos that must give equal groups")
    parser.add_argument("--runs", action="store_true", help="photos in 1, 10 and 100 runs must give equal groups too")
    arguments = parser.parse_args()
    rows = centre_faces(arguments.records)
    vectors, people = np.array([vector for _, vector, _ in rows]), [person for _, _, person in rows]
    sizes = [*[size for size in arguments.photos if size < len(rows)], len(rows)]
    parts = {size: sorted(random.Random(2).sample(range(len(rows)), size)) for size in sizes}
    print("| method | photos | precision | recall | F | groups | mixed | wrong faces |\n" + "|---" * 8 + "|")
    for size in sizes:
        part = parts[size]
        labels = by_mien([rows[i] for i in part], arguments)
        print(row_text("mien", size, bcubed(labels, [people[i] for i in part])))
    for name, method in (("DBSCAN (4)", by_dbscan), ("Chinese whispers", by_whispers)):
        best = max(THRESHOLDS, key=lambda threshold: bcubed(method(vectors, threshold), people)[2])
        for size in sizes:
            part = parts[size]
            score = bcubed(method(vectors[part], best), [people[i] for i in part])
            print(row_text(f"{name} at {best}", size, score))
    print_corrections(rows, arguments)
    expected = partition(rows, labels)  # the last size is all photos
    equal = equal_in_orders(rows, expected, arguments)
    if arguments.runs:
        equal = equal_in_runs(rows, expected, arguments) and equal
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
