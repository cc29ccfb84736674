"""Applies the ```cpp blocks of a document to a copy of the sources, as the comment before each one says, and builds."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess

from documents import ROOT

BLOCK = re.compile(r"^(?:<!-- (?P<kind>new|edit): (?P<file>\S+)(?: (?P<where>\w+)=`(?P<line>[^`\n]*)`)? -->\n)?"
                   r"```cpp\n(?P<text>.*?)^```$", re.M | re.S)
COMPILER = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "clang++")), "")
WARNINGS = ("-std=c++20", "-Wall", "-Wextra", "-Werror", "-O0")


class Copy:
    """A copy of include, src and tests, that a document's blocks change."""

    def __init__(self, folder, document):
        self.root = folder
        for tree in ("include", "src", "tests"):
            shutil.copytree(ROOT / tree, folder / tree, ignore=shutil.ignore_patterns("data", "__pycache__"))
        self.new = []
        self.edited = []  # a file for each edit
        for block in BLOCK.finditer((ROOT / "docs" / document).read_text()):
            self.apply(block)

    def apply(self, block):
        assert block["kind"], f"no comment before it says where it goes:\n{block['text']}"
        path = self.root / block["file"]
        if block["kind"] == "new":
            assert not path.exists(), path
            path.write_text(block["text"])
            self.new.append(block["file"])
            return
        self.edited.append(block["file"])
        lines = path.read_text().splitlines(keepends=True)
        found = [i for i, line in enumerate(lines) if line == block["line"] + "\n"]
        assert len(found) == 1, f"{block['file']} has {len(found)} times: {block['line']}"
        at = found[0]
        first, last = {"before": (at, at), "after": (at + 1, at + 1), "replace": (at, at + 1)}[block["where"]]
        lines[first:last] = [block["text"]]
        path.write_text("".join(lines))

    def compile(self, source, *flags):
        """The object of a source; with -fsyntax-only none."""
        target = self.root / (source.replace("/", "_") + ".o")
        folders = [f"-I{self.root / tree}" for tree in ("src", "include", "tests")]
        # What src/CMakeLists.txt defines for a single file.
        defined = "-DMIEN_TEST_DEVICE_ALLOWED=1"
        command = [*COMPILER.split(), *WARNINGS, defined, *flags, *folders, "-c", str(self.root / source),
                   "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return target

    def build(self, sources, only_read=()):
        """A program of the sources; those in only_read are compiled without making code."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            checked = [pool.submit(self.compile, source, "-fsyntax-only") for source in only_read]
            objects = list(pool.map(self.compile, sources))
            for one in checked:
                one.result()
        program = self.root / "program"
        command = [*COMPILER.split(), *map(str, objects), "-lfmt", "-o", str(program)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return program

    def write(self, name, text):
        (self.root / name).write_text(text)
        return name


SETTINGS = ["src/base/settings.cpp", "src/base/settings_table.cpp", "src/base/env_file.cpp", "src/base/file.cpp",
            "src/base/descriptor.cpp", "src/base/text.cpp", "src/base/utf8.cpp", "src/base/error.cpp",
            "src/backends/load_settings.cpp"]


def lacks_compiler():
    return not COMPILER or shutil.which(COMPILER.split()[0]) is None


def run(program, *arguments):
    return subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


def root_of(folder):
    """Where the copy goes."""
    path = pathlib.Path(folder) / "copy"
    path.mkdir()
    return path
