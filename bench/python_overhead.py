#!/usr/bin/env python3
"""Instructions that the Python layer takes on top of the C++ one, counted by callgrind on one thread.

    python3 bench/python_overhead.py PACKAGE [--photos FILE...] [--passes N] [--detector FILE] [--embedder FILE]

PACKAGE is the folder that holds the package mien: where the wheel is installed, or build/dev/python. The same photos,
decoded before, go through mien::Engine in a C++ program over the package's own libmien, and through mien.Engine as
numpy arrays; both read box, score and embedding of each face. Each runs N and 2N passes over the photos: the difference
is N passes without the start. Takes minutes a photo, because valgrind computes each multiply-add in software. Needs
valgrind, a C++ compiler, numpy and Pillow.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

PYTHON = """
import sys
import numpy
import mien

detector, embedder, passes, *words = sys.argv[1:]
photos = [numpy.fromfile(name, numpy.uint8).reshape(int(height), int(width), 3)
          for name, width, height in zip(words[::3], words[1::3], words[2::3])]
engine = mien.Engine(detector=detector, embedder=embedder)
faces, total = 0, 0.0
for _ in range(int(passes)):
    for photo in photos:
        for face in engine.analyze(photo, colours="rgb").faces:
            total += float(face.bbox[0] + face.det_score + face.embedding[0])
            faces += 1
print(f"{faces} {total:.3f}")
"""


def library_of(package):
    module = next((package / "mien").glob("_mien*.so"), None)
    if module is None:
        sys.exit(f"python_overhead: there is no module in {package / 'mien'}")
    listed = subprocess.run(["ldd", str(module)], capture_output=True, text=True, check=True).stdout
    return pathlib.Path(re.search(r"libmien\S* => (\S+)", listed)[1]).resolve()


def compile_program(library, folder):
    program = folder / "analyze_pixels"
    soname = re.sub(r"(\.so\.\d+\.\d+).*", r"\1", library.name)
    subprocess.run(["c++", "-std=c++20", "-O2", f"-I{ROOT / 'include'}", str(ROOT / "bench" / "analyze_pixels.cpp"),
                    str(library.parent / soname), f"-Wl,-rpath,{library.parent}", "-Wl,--allow-shlib-undefined",
                    "-o", str(program)], check=True)
    return [str(program)]


def decode(names, folder):
    from PIL import Image

    words = []
    for index, name in enumerate(names):
        image = Image.open(name).convert("RGB")
        raw = folder / f"{index}.rgb"
        raw.write_bytes(image.tobytes())
        words += [str(raw), str(image.width), str(image.height)]
    return words


def run_once(command, words, environment):
    """Python writes its bytecode the first time."""
    subprocess.run([*command, "1", *words], env=environment, check=True, stdout=subprocess.DEVNULL)


def instructions(command, passes, words, environment, folder):
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / 'callgrind.out'}", *command, str(passes),
         *words], capture_output=True, text=True, env=environment, check=False)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or counted is None:
        sys.exit(f"python_overhead: {command[0]} failed under valgrind:\n{done.stderr[-2000:]}")
    return int(counted[1]), done.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=pathlib.Path)
    parser.add_argument("--photos", type=pathlib.Path, nargs="+", default=[ROOT / ".deps" / "photos" / "obama.jpg"])
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--detector", default="")
    parser.add_argument("--embedder", default="")
    options = parser.parse_args()
    package = options.package.resolve()
    # One runtime, no settings of the caller's, and the same order of Python's dicts in each run.
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": str(package),
                   "PYTHONHASHSEED": "0", "MIEN_RUNTIME": "onnxruntime", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        words = decode(options.photos, folder)
        took, said = {}, {}
        for name, command in (("C++", compile_program(library_of(package), folder)),
                              ("Python", [sys.executable, "-c", PYTHON])):
            command = [*command, options.detector, options.embedder]
            run_once(command, words, environment)
            once, _ = instructions(command, options.passes, words, environment, folder)
            twice, said[name] = instructions(command, 2 * options.passes, words, environment, folder)
            took[name] = (twice - once) / options.passes / len(options.photos)
            print(f"{name}: {took[name] / 1e6:.3f} million instructions a photo", flush=True)
    if said["C++"] != said["Python"]:
        sys.exit(f"python_overhead: the two did not see the same faces: {said}")
    more = took["Python"] - took["C++"]
    print(f"overhead: {more / 1e3:.1f} thousand instructions a photo, {100 * more / took['C++']:.3f} %")


if __name__ == "__main__":
    main()
