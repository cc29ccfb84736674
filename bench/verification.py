#!/usr/bin/env python3
"""Verification on labelled pairs, for judging paths that look at another scale than `exact` does.

    mien bench pipeline --images LFW/images --passes 1 --no-floor --precision exact --dump exact.json
    mien bench pipeline --images LFW/images --passes 1 --no-floor --dump default.json
    bench/verification.py LFW/pairs.tsv exact.json default.json

pairs.tsv: two file names and 1 (same person) or 0 a line, tab-separated. File names are PERSON_NUMBER.jpg. Of several
faces in a photo the one nearest its middle counts, as is usual for LFW. Prints the best accuracy on the pairs, and the
share of true pairs that match at a false match rate of 1e-3 among all pairs of different people. Needs numpy.
"""
import json
import sys

import numpy as np

LFW_CENTRE = 125  # its photos have 250 x 250 pixels
FALSE_MATCH_RATE = 1e-3


def read_embeddings(path):
    """{file: unit vector} of the face nearest the middle of each photo."""
    embeddings = {}
    with open(path, encoding="utf-8") as file:
        dump = json.load(file)
    for name, faces in dump.items():
        if not faces:
            continue
        def distance(face):
            x, y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
            return (x - LFW_CENTRE) ** 2 + (y - LFW_CENTRE) ** 2
        vector = np.array(min(faces, key=distance)[5])
        embeddings[name] = vector / np.linalg.norm(vector)
    return len(dump), embeddings


def read_pairs(path):
    with open(path, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line.strip()]
    return [(first, second, label == "1") for first, second, label in rows]


def evaluate(photos, embeddings, pairs):
    # A photo without a face matches nobody: it costs accuracy as a miss would.
    scores = np.array([embeddings[a] @ embeddings[b] if a in embeddings and b in embeddings else -1.0
                       for a, b, _ in pairs])
    same = np.array([label for _, _, label in pairs])
    accuracy = max(((scores >= threshold) == same).mean() for threshold in np.unique(scores))

    names = sorted(embeddings)
    people = np.array([name.rsplit("_", 1)[0] for name in names])
    matrix = np.stack([embeddings[name] for name in names])
    upper = np.triu_indices(len(names), 1)
    similarities = (matrix @ matrix.T)[upper]
    different = people[upper[0]] != people[upper[1]]
    impostors = np.sort(similarities[different])
    threshold = impostors[int(len(impostors) * (1 - FALSE_MATCH_RATE))]
    true_match = (similarities[~different] >= threshold).mean()
    return (f"photos {photos}, without a face {photos - len(embeddings)}, pairs {len(pairs)}, "
            f"accuracy {accuracy:.4f}, true match rate {true_match:.4f} of {(~different).sum()} "
            f"at a false match rate of {FALSE_MATCH_RATE:g} (cosine {threshold:.3f})")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    pairs = read_pairs(sys.argv[1])
    for path in sys.argv[2:]:
        photos, embeddings = read_embeddings(path)
        print(f"{path}: {evaluate(photos, embeddings, pairs)}")


if __name__ == "__main__":
    main()
