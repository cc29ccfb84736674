#!/usr/bin/env python3
"""Holds the source tree to the project's rules: who includes whom, sizes, no printing, nothing left over.

    tests/tidy_test.py              proves that every rule can fail, then checks the tree; exit code 1 with the findings
    tests/tidy_test.py --self-test  the proof alone
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Callable, Iterator

# The list of src/README.md is the arrow: a folder includes itself and those before it. These stand outside: they use
# the public C++ API like any user.
BINDINGS = ["cli", "capi"]
# Of the program alone: built on the public API and `base`, and used by `cli`.
SERVICE = "service"

COLUMNS_MAX = 120
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
FOLDER_LINES_MAX = 6000

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
PRINTS = re.compile(
    r"\bstd::(cout|cerr|clog)\b|\b(stdout|stderr|STDOUT_FILENO|STDERR_FILENO)\b|\b(fmt|std)::print(ln)?\b"
    r"|(?<![\w.>])(std::|::)?(v?printf|puts|putchar|perror)\s*\(")
ENDS = re.compile(r"(?<![\w.>])(std::|::)?(exit|_exit|_Exit|quick_exit|abort|terminate)\s*\(")
BACKEND = r"\w*(CUDA|ROCM|HIP|MIGRAPHX|MPS|METAL|COREML|WEBGPU|VULKAN|OPENVINO|TENSORRT|DIRECTML|ONNXRUNTIME)\w*"
BACKEND_SWITCH = re.compile(r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b[^\n]*\b" + BACKEND + r"\b", re.M)
DECLARES = re.compile(
    r"^(?!MIEN_API|inline|constexpr|static|typedef|using|template)[A-Za-z_][\w:<>,&* ]*[ *&]\w+\(", re.M)
LEFT_OVER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
ADDRESS = re.compile("https?" + "://")
CONTAINER = re.compile(
    r"\b(namespace|class|struct|union|enum)\b(?![^()]*\)\s*(const|noexcept|override|->|$))|extern\s*\"")

CODE = (".cpp", ".h")
SCRIPT = (".py", ".sh", ".cmake")
TEXT = CODE + SCRIPT + (".md", ".html", ".js", ".css", ".json", ".proto", ".toml", ".yml")
TREES = ("include", "src", "tests", "bench", "fuzz", "examples", "python", "docker", "docs", "cmake", ".ci")


def folders_in_order(readme: str) -> list[str]:
    return re.findall(r"^- \*\*(\w+)\*\*", readme, re.M)


class Tree:
    """The files of a project, read once."""

    def __init__(self, root: Path):
        self.root = root
        self.text: dict[str, str] = {}
        candidates = [path for path in root.glob("*") if path.is_file()]
        for tree in TREES:
            candidates += [path for path in (root / tree).rglob("*") if path.is_file()]
        for path in sorted(candidates):
            name = path.relative_to(root).as_posix()
            if "__pycache__" not in name and (path.suffix in TEXT or is_script(name)):
                self.text[name] = path.read_text(encoding="utf-8", errors="replace")
        described = folders_in_order(self.text.get("src/README.md", ""))
        self.folders = [folder for folder in described if folder not in [*BINDINGS, SERVICE]]

    def files(self, prefix: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for name, text in self.text.items():
            if name.startswith(prefix) and name.endswith(suffixes):
                yield name, text


def is_script(name: str) -> bool:
    return name in ("dev", "CMakeLists.txt") or name.startswith((".ci/", "cmake/")) or name.endswith("/CMakeLists.txt")


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def without_comments_and_strings(text: str) -> str:
    """The same text with comments gone and strings empty, every line where it was."""
    def blank(match: re.Match[str]) -> str:
        found = match.group(0)
        lines = "\n" * found.count("\n")
        return lines if found.startswith("/") else '""' + lines
    return TOKEN.sub(blank, text)


def matches(tree: Tree, prefix: str, suffixes: tuple[str, ...], pattern: re.Pattern[str], what: str) -> Iterator[str]:
    for name, text in tree.files(prefix, suffixes):
        for match in pattern.finditer(text):
            yield f"{name}:{line_of(text, match.start())}: {what}: {match.group(0).strip()}"


def includes(tree: Tree, prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, text in tree.files(prefix, CODE):
        for match in INCLUDE.finditer(text):
            yield f"{name}:{line_of(text, match.start())}", match.group(1), match.group(2)


def check_order(tree: Tree) -> Iterator[str]:
    for position, folder in enumerate(tree.folders):
        for where, _, target in includes(tree, f"src/{folder}/"):
            other = target.split("/")[0]
            if "/" in target and other in [*tree.folders[position + 1:], *BINDINGS, SERVICE]:
                yield f"{where}: {folder} includes {target}, which comes after it"


def check_known_folders(tree: Tree) -> Iterator[str]:
    for name, _ in tree.files("src/", CODE):
        folder = name.split("/")[1]
        if folder not in [*tree.folders, *BINDINGS, SERVICE]:
            yield f"{name}: the folder {folder} has no place in the order of src/README.md"


def check_bindings(tree: Tree) -> Iterator[str]:
    for binding in [f"src/{folder}/" for folder in BINDINGS] + ["python/", "examples/"]:
        for where, _, target in includes(tree, binding):
            closed = tree.folders if binding == "src/cli/" else [*tree.folders, SERVICE]
            if "/" in target and target.split("/")[0] in closed:
                yield f"{where}: includes {target}, only include/mien is open to it"


def check_service(tree: Tree) -> Iterator[str]:
    """The HTTP side knows no faces, and the engine side no sockets."""
    for where, _, target in includes(tree, f"src/{SERVICE}/"):
        folder = target.split("/")[0]
        if "/" in target and folder in [*tree.folders, *BINDINGS] and folder != "base":
            yield f"{where}: includes {target}, only include/mien and base are open to it"
        if target.startswith("boost/") and not re.search(r"-inl\.h:|/server\.cpp:", where):
            yield f"{where}: includes {target}, only server.cpp and its -inl.h files know Boost"


def check_public(tree: Tree) -> Iterator[str]:
    for where, quote, target in includes(tree, "include/"):
        if where.startswith("include/mien/mien.h:") and target in ("stddef.h", "stdint.h"):
            continue  # the header for C
        if not target.startswith("mien/") and (quote == '"' or re.search(r"[./]", target)):
            yield f"{where}: a public header includes {target}, only the standard library and mien/ are allowed"


def check_exported(tree: Tree) -> Iterator[str]:
    """A function that programs are told of is there for them in the shared library."""
    for name, text in tree.files("include/mien/", (".h",)):
        for match in DECLARES.finditer(text):
            yield f"{name}:{line_of(text, match.start())}: without MIEN_API: {match.group(0).strip()}"


def check_runtime(tree: Tree) -> Iterator[str]:
    for where, _, target in [*includes(tree, "src/"), *includes(tree, "include/")]:
        if not where.startswith("src/device/") and re.search(r"(^|/)(onnxruntime|openvino)", target):
            yield f"{where}: includes {target}, only src/device knows the runtimes"


def check_columns(tree: Tree) -> Iterator[str]:
    for name, text in tree.text.items():
        if name.endswith(CODE + SCRIPT) or is_script(name):
            for number, line in enumerate(text.splitlines(), 1):
                if len(line) > COLUMNS_MAX:
                    yield f"{name}:{number}: {len(line)} columns, at most {COLUMNS_MAX}"


def functions(text: str) -> Iterator[tuple[int, int]]:
    """First and last line of each function body's braces that is not inside another function."""
    stack: list[tuple[bool, int]] = []  # is it a function, where it opened
    head = 0  # where the text before the next brace starts
    last = ""  # the brace or semicolon there
    for match in re.finditer(r"[{};]", text):
        offset = match.start()
        if match.group() == "{":
            before = text[head:offset]
            inside = any(is_function for is_function, _ in stack)
            # After "A() : b{1}" comes the constructor's body, or one more member.
            is_body = ")" in before or (last == "}" and before.strip()[:1] in ("", ","))
            stack.append((not inside and is_body and not CONTAINER.search(before), offset))
        elif match.group() == "}" and stack:
            is_function, opened = stack.pop()
            if is_function:
                yield line_of(text, opened), line_of(text, offset)
        head, last = match.end(), match.group()


def check_functions(tree: Tree) -> Iterator[str]:
    for prefix in ("src/", "include/", "tests/", "bench/"):
        for name, text in tree.files(prefix, CODE):
            for first, last in functions(without_comments_and_strings(text)):
                if last - first + 1 > FUNCTION_LINES_MAX:
                    yield f"{name}:{first}: a function of {last - first + 1} lines, at most {FUNCTION_LINES_MAX}"


def check_files(tree: Tree) -> Iterator[str]:
    for name, text in tree.text.items():
        lines = text.count("\n")
        if (name.endswith(CODE + SCRIPT) or is_script(name)) and lines > FILE_LINES_MAX:
            yield f"{name}: {lines} lines, at most {FILE_LINES_MAX}"


def check_folder_lines(tree: Tree) -> Iterator[str]:
    lines = Counter[str]()
    for name, text in tree.files("src/", TEXT):
        lines[name.rpartition("/")[0]] += text.count("\n")
    for folder, count in lines.items():
        if count > FOLDER_LINES_MAX:
            yield f"{folder}: {count} lines in its own files, at most {FOLDER_LINES_MAX}"


def check_printing(tree: Tree) -> Iterator[str]:
    # exit() was called already in the first, and a thread that no one can stop is still at work; libexempi prints, and
    # the second keeps it from that.
    allowed = {"src/device/lane.cpp": ENDS, "src/people/xmp_toolkit_exempi.cpp": PRINTS}
    for name, text in [*tree.files("src/", CODE), *tree.files("include/", CODE)]:
        if name.startswith("src/cli/"):
            continue
        bare = without_comments_and_strings(text)
        for pattern, what in ((PRINTS, "prints"), (ENDS, "ends the process")):
            if allowed.get(name) is pattern:
                continue
            for match in pattern.finditer(bare):
                yield f"{name}:{line_of(bare, match.start())}: the library {what}: {match.group(0).strip()}"


def check_left_over(tree: Tree) -> Iterator[str]:
    for name, text in tree.text.items():
        for match in LEFT_OVER.finditer(text):
            yield f"{name}:{line_of(text, match.start())}: left over: {match.group(0)}"


def check_addresses(tree: Tree) -> Iterator[str]:
    for name, text in tree.text.items():
        if is_script(name) or name == "CMakePresets.json" or (name.endswith(SCRIPT) and name.startswith("docker/")):
            for match in ADDRESS.finditer(text):
                yield f"{name}:{line_of(text, match.start())}: an address: packages are fetched by name"


def check_switches(tree: Tree) -> Iterator[str]:
    yield from matches(tree, "src/", CODE, BACKEND_SWITCH, "a backend is a row of a table, not a preprocessor switch")


def check_built(tree: Tree) -> Iterator[str]:
    lists = "\n".join(text for name, text in tree.text.items() if name in ("CMakeLists.txt", "src/CMakeLists.txt"))
    looped = " ".join(re.findall(r"set\(folders ([^)]*)\)", lists)).split()
    if [folder for folder in looped if folder not in BINDINGS] != tree.folders:
        yield "src/CMakeLists.txt: its folders are not those of src/README.md, or not in their order"
    for name, _ in tree.files("src/", (".cpp",)):
        local = name.removeprefix("src/")
        folder = local.rpartition("/")[0]
        globbed = f"{folder}/*.cpp" in lists or ("${folder}/*.cpp" in lists and folder in looped)
        if not globbed and local not in lists:
            yield f"{name}: no CMakeLists.txt names it"


LONG_FUNCTION = "namespace mien {\nint f() {\n" + "  g();\n" * FUNCTION_LINES_MAX + "}\n}\n"
LONG_CONSTRUCTOR = "struct A {\n  A() : b{1}, c(2) {\n    h([] {\n" + "g();\n" * FUNCTION_LINES_MAX + "});\n  }\n};\n"

# Every rule, and files that it must find something in.
RULES: list[tuple[Callable[[Tree], Iterator[str]], list[tuple[str, str]]]] = [
    (check_order, [("src/base/bad.cpp", '#include "image/decode.h"\n'), ("src/ops/bad.h", '#include "models/a.h"\n'),
                   ("src/scan/bad.cpp", '#include "cli/a.h"\n')]),
    (check_known_folders, [("src/misc/bad.cpp", "int a;\n")]),
    (check_bindings, [("src/cli/bad.cpp", '#include "base/sha256.h"\n'), ("src/capi/bad.cpp", '#include "ops/a.h"\n'),
                      ("python/bad.cpp", '#include "ops/a.h"\n'), ("src/capi/bad.cpp", '#include "service/a.h"\n')]),
    (check_service, [("src/service/bad.cpp", '#include "ops/a.h"\n'),
                     ("src/service/bad.cpp", "#include <boost/asio.hpp>\n")]),
    (check_public, [("include/mien/bad.h", text) for text in (
        "#include <fmt/format.h>\n", "#include <stdint.h>\n", '#include "base/a.h"\n', "#include <unistd.h>\n")]),
    (check_exported, [("include/mien/bad.h", "namespace mien {\nstd::vector<int> all(const int& a);\n}\n")]),
    (check_runtime, [("src/ops/bad.cpp", "#include <onnxruntime_c_api.h>\n"),
                     ("src/cli/bad.cpp", "#include <openvino/c/openvino.h>\n")]),
    (check_columns, [("src/base/bad.cpp", "// " + "a" * COLUMNS_MAX + "\n"), ("dev", "#" * (COLUMNS_MAX + 1))]),
    (check_functions, [("src/base/bad.cpp", LONG_FUNCTION), ("tests/base/bad_test.cpp", LONG_CONSTRUCTOR)]),
    (check_files, [("src/base/bad.cpp", "int a;\n" * (FILE_LINES_MAX + 1))]),
    (check_folder_lines, [("src/base/deep/bad.cpp", "int a;\n" * (FOLDER_LINES_MAX + 1))]),
    (check_printing, [("src/base/bad.cpp", text) for text in (
        'void f() { std::cout << "a"; }\n', 'void f() { printf("a"); }\n', 'void f() { std::puts("a"); }\n',
        'void f() { std::fprintf(stderr, "a"); }\n', 'void f() { fmt::print("a"); }\n', "void f() { exit(1); }\n",
        "void f() { std::abort(); }\n", "void f() { ::_exit(1); }\n")]),
    (check_left_over, [("docs/bad.md", "TO" + "DO: say more\n"), ("src/base/bad.h", "// FIX" + "ME\n"),
                       ("dev", "# XX" + "X\n")]),
    (check_addresses, [("cmake/bad.cmake", "set(a https" + "://example.org)\n"), ("dev", "curl http" + "://a\n"),
                       (".ci/bad", "curl http" + "://a\n")]),
    (check_switches, [("src/device/bad.cpp", "#ifdef MIEN_WITH_CUDA\n#endif\n"),
                      ("src/ops/bad.cpp", "#if defined(HAS_WEBGPU)\n#endif\n")]),
    (check_built, [("src/base/deep/bad.cpp", "int a;\n"), ("src/misc/bad.cpp", "int a;\n"),
                   ("src/CMakeLists.txt", "set(folders device base)\n")]),
]

# A tree that no rule may complain about, with everything that looks like a violation and is none.
CLEAN = {
    "CMakeLists.txt": "add_subdirectory(src)\n",
    "dev": "#!/bin/sh\n",
    "src/CMakeLists.txt": "set(folders base device image ops models scan capi)\n"
                          "file(GLOB a ${folder}/*.cpp)\nfile(GLOB b cli/*.cpp)\n",
    "src/README.md": "".join(f"- **{folder}** is a folder.\n" for folder in
                             ["base", "device", "image", "ops", "models", "scan", "cli", "capi"]),
    "src/base/good.cpp": '#include "base/good.h"\n#include <vector>\n// printf( is a word here\n'
                         'const char* a = "exit(1) std::cout";\nvoid f() { task.abort(); std::snprintf(b, 1, "c"); }\n',
    "src/device/good.cpp": "#include <onnxruntime_cxx_api.h>\n#include \"base/good.h\"\n#ifdef __AVX2__\n#endif\n",
    "src/cli/good.cpp": '#include "cli/good.h"\n#include "mien/scan.h"\n#include <CLI/CLI.hpp>\n'
                        "void f() { exit(1); }\n",
    "include/mien/mien.h": "#include <stddef.h>\n",
    "include/mien/good.h": '#include <string>\n#include "mien/other.h"\nMIEN_API int f();\ninline int g() { return 1; }'
                           '\n'
                           'class MIEN_API A {\n  int h(int a);\n};\n',
    "docs/good.md": "See https" + "://example.org\n",
    "tests/base/good_test.cpp": "struct A {\n" + "  int f() { return 1; }\n" * (FUNCTION_LINES_MAX + 5) + "};\n",
}


def links(listing: str) -> Iterator[str]:
    """Links in what git ls-files -s says. Checking one out replaces an ignored folder of its name."""
    for line in listing.splitlines():
        if line.startswith("120000 "):
            name = line.partition("\t")[2]
            yield f"{name}: a link is tracked: git rm --cached {name}, and commit that with the commit that added it"


def check_links(root: Path) -> Iterator[str]:
    if (root / ".git").exists():
        listing = subprocess.run(["git", "-C", str(root), "ls-files", "-s"], capture_output=True, text=True, check=True)
        yield from links(listing.stdout)


def write_tree(root: Path, files: dict[str, str]) -> Tree:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Tree(root)


def self_test() -> list[str]:
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        clean = write_tree(Path(folder), CLEAN)
        for rule, _ in RULES:
            failures += [f"self-test: {rule.__name__} complains about a clean tree: {found}" for found in rule(clean)]
    for rule, seeds in RULES:
        for name, text in seeds:
            with tempfile.TemporaryDirectory() as folder:
                bad = write_tree(Path(folder), {**CLEAN, name: text})
                if not any(found.startswith(name.rpartition("/")[0] or name) for found in rule(bad)):
                    failures.append(f"self-test: {rule.__name__} does not see {text[:60]!r} in {name}")
    if list(links("100644 abc 0\tREADME.md\n120000 abc 0\t.deps\n"))[0:1] != list(links("120000 abc 0\t.deps\n")):
        failures.append("self-test: links does not tell a link from a file")
    return failures


def main(arguments: list[str]) -> int:
    findings = self_test()
    if arguments != ["--self-test"]:
        tree = Tree(Path(__file__).resolve().parent.parent)
        findings += [found for rule, _ in RULES for found in rule(tree)]
        findings += check_links(Path(__file__).resolve().parent.parent)
    for found in findings:
        print(found)
    print(f"tidy: {len(findings)} findings, {len(RULES)} rules" if findings else f"tidy: {len(RULES)} rules hold")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
