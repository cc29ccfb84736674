#!/usr/bin/env python3
"""Exact search of mien beside faiss and usearch, on the same vectors, and against a full scan in doubles.

    bench/vector_search.py make FOLDER --rows 1000000 --queries 10000 [--records FILE]   vectors as faces have them
    bench/vector_search.py mien FOLDER --program build/dev/vector_search [--timed 200]   time, memory, removal
    bench/vector_search.py check FOLDER [--queries 10000]                                every answer, by numpy
    bench/vector_search.py peers FOLDER [--queries 1000]                                 faiss and usearch
    bench/vector_search.py neighbours FOLDER --program FILE --rows 100000 --new 1000

`make` writes faces of made-up people, some with thousands of photos and most with few, and those of a scan's records
(--embeddings base64), which are real. `mien` alternates each query with reading the same bytes, and writes the answers
that `check` compares with those of numpy: scalar products of halves are exact in doubles in whatever order they are
summed, so that keys, order and ties must be equal. Peers search the same half floats; recall is the share of the exact
ten that they find. Needs numpy, faiss-cpu and usearch.
"""
import argparse
import base64
import json
import pathlib
import resource
import statistics
import subprocess
import time

import numpy as np

DIMENSION = 512
COUNT = 10
ROWS_AT_A_TIME = 20_000


def normalised(vectors):
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def real_vectors(path):
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        for face in json.loads(line).get("faces", []):
            if "embedding" in face:
                found.append(np.frombuffer(base64.b64decode(face["embedding"]), dtype="<f4"))
    return normalised(np.stack(found))


def make(options):
    random = np.random.default_rng(19)
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    real = real_vectors(options.records) if options.records else np.zeros((0, DIMENSION), np.float32)
    sizes = []
    while sum(sizes) < options.rows - len(real):
        sizes.append(min(5000, int(random.pareto(1.1) * 2) + 1))
    people = np.repeat(np.arange(len(sizes)), sizes)[: options.rows - len(real)]
    random.shuffle(people)
    centres = normalised(random.standard_normal((len(sizes), DIMENSION), dtype=np.float32))
    keys = random.permutation(np.arange(1, options.rows + 1, dtype=np.int64) * 9_007_199_254_740_881 % (2**62))
    keys.tofile(folder / "keys.i64")
    with open(folder / "rows.f16", "wb") as out:
        for first in range(0, len(people), ROWS_AT_A_TIME):
            some = people[first:first + ROWS_AT_A_TIME]
            noise = random.standard_normal((len(some), DIMENSION), dtype=np.float32) * (0.9 / DIMENSION**0.5)
            normalised(centres[some] + noise).astype(np.float16).tofile(out)
        real.astype(np.float16).tofile(out)
    rows = read_rows(folder)
    # A third of the queries are new photos of people who are there, a third are photos that are there, the rest
    # strangers; the last are real.
    count = options.queries - min(len(real), options.queries // 5)
    queries = random.standard_normal((count, DIMENSION), dtype=np.float32)
    there = random.integers(0, len(rows), count)
    queries[0::3] = centres[people[there[0::3] % len(people)]] + queries[0::3] * (0.9 / DIMENSION**0.5)
    queries[1::3] = rows[np.sort(there[1::3])]
    queries = np.concatenate([normalised(queries), real[: options.queries - count]])
    queries.astype(np.float16).tofile(folder / "queries.f16")
    print(json.dumps({"rows": len(rows), "people": len(sizes), "real": len(real), "queries": len(queries)}))


def read_rows(folder):
    return np.memmap(folder / "rows.f16", dtype=np.float16, mode="r").reshape(-1, DIMENSION)


def read_queries(folder, count):
    return np.fromfile(folder / "queries.f16", dtype=np.float16).reshape(-1, DIMENSION)[:count]


def run_mien(options):
    command = [options.program, "search", options.folder, DIMENSION, COUNT, options.threads, options.timed]
    print(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.strip())


def full_scan(folder, queries):
    """Keys and similarities of the best, ties by key, of all rows."""
    rows = read_rows(folder)
    keys = np.fromfile(folder / "keys.i64", dtype=np.int64)
    wanted = queries.astype(np.float64).T
    best_keys = np.zeros((len(queries), COUNT), np.int64)
    best = np.full((len(queries), COUNT), -2, np.float32)
    for first in range(0, len(rows), ROWS_AT_A_TIME):
        some = slice(first, first + ROWS_AT_A_TIME)
        products = (rows[some].astype(np.float64) @ wanted).T.astype(np.float32)
        # Those that are as similar as the tenth of these rows: ties stay.
        tenth = -np.partition(-products, COUNT - 1, axis=1)[:, COUNT - 1]
        for query, row in enumerate(products):
            found = np.flatnonzero(row >= max(tenth[query], best[query, -1]))
            merge(best, best_keys, query, row[found], keys[some][found])
    return best_keys, best


def merge(best, best_keys, query, similarities, keys):
    similarities = np.concatenate([best[query], similarities])
    keys = np.concatenate([best_keys[query], keys])
    order = np.lexsort((keys, -similarities))[:COUNT]
    best[query], best_keys[query] = similarities[order], keys[order]


def check(options):
    queries = read_queries(options.folder, options.queries)
    answers = np.fromfile(options.folder / "answers.bin", dtype=[("key", "<i8"), ("similarity", "<f4")])
    answers = answers.reshape(-1, COUNT)
    wrong = 0
    for first in range(0, len(queries), 1000):
        some = slice(first, min(first + 1000, len(queries)))
        keys, similarities = full_scan(options.folder, queries[some])
        wrong += int(((answers["key"][some] != keys) | (answers["similarity"][some] != similarities)).any(axis=1).sum())
        print(json.dumps({"compared": some.stop, "wrong": wrong}), flush=True)


def resident_mb():
    for line in pathlib.Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peers(options):
    import faiss  # pylint: disable=import-outside-toplevel
    from usearch.index import Index  # pylint: disable=import-outside-toplevel

    faiss.omp_set_num_threads(options.threads)
    rows = np.asarray(read_rows(options.folder)[: options.rows] if options.rows else read_rows(options.folder))
    queries = read_queries(options.folder, options.queries).astype(np.float32)
    # The truth among these rows: near ties may stand in another order, so recall is by similarity.
    exact = faiss.IndexFlatIP(DIMENSION)
    exact.add(rows.astype(np.float32))
    tenth = exact.search(queries, COUNT)[0][:, -1]
    del exact
    rows32 = rows.astype(np.float32)

    def hnsw():
        index = faiss.IndexHNSWFlat(DIMENSION, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 128
        index.hnsw.efSearch = 128
        return index

    def usearch_index(kind):
        index = Index(ndim=DIMENSION, metric="ip", dtype=kind, connectivity=16, expansion_add=128, expansion_search=128)
        index.add(np.arange(len(rows)), rows32, threads=options.threads)
        return index

    def faiss_index(make_index):
        index = make_index()
        index.train(rows32[:100_000])
        index.add(rows32)
        return index

    kinds = {
        "faiss flat": lambda: faiss_index(lambda: faiss.IndexFlatIP(DIMENSION)),
        "faiss 8-bit": lambda: faiss_index(lambda: faiss.IndexScalarQuantizer(
            DIMENSION, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)),
        "faiss HNSW": lambda: faiss_index(hnsw),
        "usearch f16": lambda: usearch_index("f16"),
        "usearch i8": lambda: usearch_index("i8"),
    }
    for name, build in kinds.items():
        if options.only and options.only not in name:
            continue
        before, begin, cpu = resident_mb(), time.time(), cpu_seconds()
        index = build()
        out = {"index": name, "rows": len(rows), "build_s": time.time() - begin, "build_cpu_s": cpu_seconds() - cpu,
               "bytes_a_row": (resident_mb() - before) * 2**20 / len(rows)}
        out.update(measure(index, rows32, queries, tenth, name))
        print(json.dumps({key: round(value, 4) if isinstance(value, float) else value for key, value in out.items()}),
              flush=True)
        del index


def measure(index, rows, queries, tenth, name):
    times, cpus, found = [], [], 0
    is_usearch = name.startswith("usearch")
    for query, least in zip(queries, tenth):
        begin, cpu = time.perf_counter(), cpu_seconds()
        labels = index.search(query, COUNT).keys if is_usearch else index.search(query[None], COUNT)[1][0]
        times.append(time.perf_counter() - begin)
        cpus.append(cpu_seconds() - cpu)
        labels = [int(label) for label in labels if label >= 0]
        found += min(COUNT, int((rows[labels] @ query >= least - 1e-6).sum()))
    out = {"query_ms": statistics.median(times) * 1e3, "query_cpu_ms": statistics.mean(cpus) * 1e3,
           "recall": found / COUNT / len(queries)}
    gone = np.arange(0, len(rows), 1000, dtype=np.int64)
    begin = time.perf_counter()
    try:
        if is_usearch:
            index.remove(gone)
        else:
            index.remove_ids(gone)
        out["remove_ms"] = (time.perf_counter() - begin) * 1e3
    except RuntimeError:
        out["remove_ms"] = None  # cannot
    return out


def run_neighbours(options):
    command = [options.program, "neighbours", options.folder, DIMENSION, COUNT, options.threads, options.rows,
               options.new]
    print(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.strip())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "mien", "check", "peers", "neighbours"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--records", type=pathlib.Path)
    parser.add_argument("--program", default="build/dev/vector_search")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--timed", type=int, default=200)
    parser.add_argument("--new", type=int, default=1000)
    parser.add_argument("--only", default="", help="peers whose name has this")
    options = parser.parse_args()
    commands = {"make": make, "mien": run_mien, "check": check, "peers": peers, "neighbours": run_neighbours}
    commands[options.what](options)


if __name__ == "__main__":
    main()
