"""mien beside what people would take instead, in one run, on the same photos and model files.

    python3 bench/peers PHOTOS... --det SCRFD.onnx --rec EMBEDDER.onnx [--yunet YUNET.onnx [--sface SFACE.onnx]]
                        [--centerface CENTERFACE.onnx --fr-feature FR_FEATURE.onnx]

Makes an environment with the peers (--env, at the versions of requirements.txt; the first time needs a network and
220 MB), and measures for each folder of JPEG files InsightFace on DET and REC, and OpenCV on YUNET and SFACE (or REC),
each against mien in its three precisions on the same two files. With CENTERFACE and FR_FEATURE, mien's own default
models, also against what a program without a library does with them (ONNX Runtime in a 640 square, face by face).
  CPU ms a photo      JPEG bytes in, faces with embeddings out, one thread, the fastest of --passes for each photo
  session.run ms      of that, what the models alone take on the same inputs, and how the rest compares with it
                      (decoding apart)
  photos/s            by the wall clock on all cores: the peer's better of one thread and all, without its start;
                      `mien scan`, its start taken off, its JSON and its measures of quality not
  start, peak memory  of a process for one photo, and of the process on all cores
  faces               which of the peer's were found, IoU of boxes, cosine of embeddings
Programs take turns, --rounds times; ratios are medians of those of neighbours. Markdown and a chart (.svg, beside it)
go between the markers of docs/benchmarks.md, or into --output.
mien makes --warm-up passes before: a size of image takes some dozens before OpenVINO has a form for it.
--drop-in FOLDER adds the Python package mien.insightface of that folder (build/dev/python).
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REQUIREMENTS = HERE / "requirements.txt"
PRECISIONS = ("exact", "default", "fast")


def make_environment(folder):
    """Path of its Python; made again when the requirements changed."""
    python, stamp = folder / "bin/python", folder / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        print(f"installing the peers into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS], check=True)
        stamp.write_text(wanted)
    return python


def run(command, variables=None):
    """(standard output, seconds, peak MB) of a process; ends this one when it fails."""
    with tempfile.TemporaryFile() as messages:
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=messages,
                                 env={**os.environ, **(variables or {})})
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - start
        if child.returncode != 0:
            messages.seek(0)
            sys.exit(f"{' '.join(map(str, command))} failed:\n{messages.read().decode(errors='replace')[-2000:]}")
    return output, seconds, usage.ru_maxrss / 1024


class Peer:
    def __init__(self, options, module, det, rec, variables=None):
        self.options, self.module, self.models, self.variables = options, module, (det, rec), variables

    def measure(self, what, folder, threads):
        command = [self.options.python, HERE / "measure.py", self.module, what, folder, *self.models,
                   "--passes", str(self.options.passes), "--threads", str(threads)]
        output, seconds, peak = run(command, self.variables)
        return json.loads(output), seconds, peak

    def round(self, photos):
        row = self.measure("faces", photos.once, 1)[0]
        paces = [self.measure("pace", photos.once, threads) for threads in sorted({1, os.cpu_count()})]
        row["images_s"] = max(pace["images_s"] for pace, _, _ in paces)
        row["peak_mb"] = paces[-1][2]
        row["start_s"] = self.measure("first", photos.first, 1)[1]
        return row


class Mien:
    def __init__(self, options, precision, det, rec):
        self.options, self.precision = options, precision
        self.models = ["--det", det, "--rec", rec, "--precision", precision]

    def scan(self, folder, scratch):
        command = [self.options.mien, "scan", folder, "--out", scratch / "records.jsonl", "--force", "--quiet",
                   "--embeddings", "base64", *self.models]
        return run(command)[1:]

    def round(self, photos):
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            command = [self.options.mien, "bench", "pipeline", "--images", photos.once, *self.models, "--passes",
                       str(self.options.passes), "--warm-up", str(self.options.warm_up), "--no-quality", "--json",
                       "--dump", scratch / "dump.json"]
            result = json.loads(run(command)[0])
            dump = json.loads((scratch / "dump.json").read_text())
            start_s = run([self.options.mien, "faces", next(photos.first.iterdir()), *self.models])[1]
            one_s, _ = self.scan(photos.first, scratch)
            all_s, peak = self.scan(photos.often, scratch)
        sums = result["sums"]
        share = {key: sums[f"{name}cpu_ms"] / sums["images"]
                 for key, name in (("ms", ""), ("floor", "floor_"), ("decode", "decode_"))}
        return {**share, "runtime": result["runtime"], "dump": {Path(name).name: rows for name, rows in dump.items()},
                "images_s": (len(list(photos.often.iterdir())) - 1) / max(all_s - one_s, 1e-9),
                "start_s": start_s, "peak_mb": peak}


class Photos:
    """The JPEG files of a folder: once, so often that a scan takes its time, and the first alone. Copies differ in
    four bytes behind the picture, because a scan analyses equal files once."""

    def __init__(self, source, scratch, options):
        suffixes = (".jpg", ".jpeg")
        files = sorted(path for path in source.iterdir() if path.suffix.lower() in suffixes)[:options.limit]
        if not files:
            sys.exit(f"{source}: no JPEG files")
        self.name = source.resolve().name
        self.once, self.often, self.first = (scratch / name for name in ("once", "often", "first"))
        for folder in (self.once, self.often, self.first):
            folder.mkdir(parents=True)
        for path in files:
            (self.once / path.name).symlink_to(path.resolve())
        (self.first / files[0].name).symlink_to(files[0].resolve())
        for copy in range(-(-options.photos_timed // len(files))):
            for path in files:
                (self.often / f"{copy}_{path.name}").write_bytes(path.read_bytes() + copy.to_bytes(4, "big"))


def pairings(options):
    """[(title, {program: what measures it})]: a peer, and mien on the peer's models."""
    def against(name, module, det, rec):
        programs = {name: Peer(options, module, det, rec)}
        programs |= {f"mien {precision}": Mien(options, precision, det, rec) for precision in PRECISIONS}
        return f"{name}, {Path(det).name} and {Path(rec).name}", programs

    found = [against("InsightFace", "insightface", options.det, options.rec)]
    if options.drop_in:
        path = {"PYTHONPATH": options.drop_in}
        found[0][1]["mien.insightface"] = Peer(options, "mien.insightface", options.det, options.rec, path)
    if options.yunet:
        found.append(against("OpenCV", "opencv", options.yunet, options.sface or options.rec))
    if options.centerface:
        rec = options.fr_feature or options.rec
        found.append(against("plain ONNX Runtime", "plain", options.centerface, rec))
        found[-1][1]["plain, folded"] = Peer(options, "plain-folded", options.centerface, rec)
    return found


def parse_arguments():
    parser = argparse.ArgumentParser(prog="bench/peers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--det", required=True)
    parser.add_argument("--rec", required=True)
    parser.add_argument("--yunet")
    parser.add_argument("--sface")
    parser.add_argument("--centerface")
    parser.add_argument("--fr-feature")
    parser.add_argument("--drop-in", metavar="FOLDER")
    parser.add_argument("--mien", default=str(ROOT / "build/release/mien"))
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=50)
    parser.add_argument("--photos-timed", type=int, default=100,
                        help="photos are copied under other names until a scan has as many")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--limit", type=int, help="photos of a folder at most")
    parser.add_argument("--env", type=Path, default=ROOT / ".deps/peers")
    parser.add_argument("--output", type=Path, help="a file of its own instead of docs/benchmarks.md")
    return parser.parse_args()


def measure(options):
    """[(title, rounds)]; prints each as soon as it is known, because all of them take long."""
    sections = []
    for source in options.photos:
        with tempfile.TemporaryDirectory() as scratch:
            photos = Photos(source, Path(scratch), options)
            for title, programs in pairings(options):
                rounds = []
                for number in range(options.rounds):
                    print(f"{photos.name}, {title}: round {number + 1} of {options.rounds}", file=sys.stderr)
                    rounds.append({name: program.round(photos) for name, program in programs.items()})
                sections.append((f"{photos.name}: {title}", rounds))
                print(report.markdown(*sections[-1], os.cpu_count()), flush=True)
    return sections


def main():
    options = parse_arguments()
    options.python = make_environment(options.env)
    sections = measure(options)
    target = options.output or ROOT / "docs/benchmarks.md"
    picture = target.with_suffix(".svg") if options.output else target.with_name("peers.svg")
    text = "\n".join(report.markdown(title, rounds, os.cpu_count()) for title, rounds in sections)
    text += f"\n![CPU milliseconds a photo]({picture.name})\n"
    picture.write_text(report.chart(sections))
    target.write_text(text if options.output else report.between_markers(target.read_text(), text))


if __name__ == "__main__":
    main()
