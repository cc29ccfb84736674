"""An installed copy, moved away from where it was put, and programs outside the tree that are built against it."""

import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["MIEN_BUILD"])
PHOTOS = Path(os.environ["MIEN_TEST_DEPS"]) / "photos"

pytestmark = pytest.mark.skipif(
    not re.search(r"^MIEN_SANITIZE:\w+=$", (BUILD / "CMakeCache.txt").read_text(), re.M),
    reason="a program would have to be built with the same sanitizer")


def call(*command: object, **more) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MIEN_")}
    environment = {**clean, **more.pop("environment", {})}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300,
                          env=environment, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("install")
    call("cmake", "--install", BUILD, "--prefix", folder / "first")
    moved = folder / "elsewhere" / "mien of mine"  # a space, as in many a home
    moved.parent.mkdir()
    shutil.move(folder / "first", moved)
    return moved


def library(installed: Path) -> Path:
    return next(installed.rglob("libmien.so"))


@pytest.fixture(scope="session")
def expected(installed) -> list[tuple[str, list[float]]]:
    """The faces of all sample photos as the installed program finds them."""
    faces = []
    for line in call(installed / "bin/mien", "scan", PHOTOS).splitlines():
        record = json.loads(line)
        assert record["error"] is None
        faces += [(record["source"], numbers(face)) for face in record["faces"]]
    assert len(faces) > 30
    return sorted(faces)


def numbers(face: dict) -> list[float]:
    box = face["bbox"]
    return [float32(value) for value in [*(box.values() if isinstance(box, dict) else box), face["det_score"]]]


def float32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


def faces_of(program: Path, installed: Path) -> list[tuple[str, list[float]]]:
    output = call(program, *sorted(PHOTOS.iterdir()), environment={"LD_LIBRARY_PATH": str(library(installed).parent)})
    rows = [line.split() for line in output.splitlines()]
    return sorted((row[0], [float32(float(number)) for number in row[1:]]) for row in rows)


def test_the_moved_program_uses_what_came_with_it(installed):
    assert str(installed) in call(installed / "bin/mien", "version")
    for model in json.loads(call(installed / "bin/mien", "models", "list", "--json")):
        if model["is_default"]:
            assert model["path"].startswith(str(installed)), model


def test_find_package(installed, expected, tmp_path):
    examples = next(installed.rglob("examples/CMakeLists.txt")).parent
    call("cmake", "-S", examples, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={installed}", "-DCMAKE_BUILD_TYPE=Debug")
    call("cmake", "--build", tmp_path, "--target", "example_faces_c", "example_faces_cpp")
    assert faces_of(tmp_path / "example_faces_c", installed) == expected
    assert faces_of(tmp_path / "example_faces_cpp", installed) == expected


@pytest.mark.parametrize("compiler, source", [
    (["cc", "-std=c99", "-pedantic", "-Wall", "-Werror"], "c/faces.c"),
    (["c++", "-std=c++20", "-Wall", "-Werror"], "cpp/faces.cpp")])
def test_pkg_config(installed, expected, tmp_path, compiler, source):
    examples = next(installed.rglob("examples/CMakeLists.txt")).parent
    search = {"PKG_CONFIG_PATH": str(next(installed.rglob("mien.pc")).parent)}
    flags = call("pkg-config", "--cflags", "--libs", "mien", environment=search).strip()
    flags = [flag.replace("\\ ", " ") for flag in re.split(r"(?<!\\) ", flags)]
    call(*compiler, examples / source, "-o", tmp_path / "faces", *flags)
    assert faces_of(tmp_path / "faces", installed) == expected
    assert call("pkg-config", "--modversion", "mien", environment=search).strip() in call(
        installed / "bin/mien", "version")


def test_the_library_shows_what_is_ours_and_nothing_else(installed):
    names = [line.split()[-1].split("@")[0] for line in
             call("nm", "-D", "--defined-only", library(installed)).splitlines()]
    strangers = [name for name in names if not re.match(r"mien_|_ZNK?4mien|_ZT[ISV]N4mien|MIEN_", name)]
    assert not strangers
    header = (ROOT / "include/mien/mien.h").read_text()
    declared = set(re.findall(r"^MIEN_API [^(;]*?(mien_\w+)\(", header, re.M))
    assert declared == {name for name in names if name.startswith("mien_")}
    assert len(declared) > 40


def test_headers_documents_and_licences_are_there(installed):
    def headers(prefix):
        return {path.relative_to(prefix) for path in (prefix / "include/mien").rglob("*.h")}
    assert headers(installed) == headers(ROOT)
    documents = installed / "share/doc/mien"
    for name in ("LICENSE", "README.md", "api.md", "mien.spdx.json", "third_party/onnxruntime.LICENSE",
                 "third_party/onnxruntime.ThirdPartyNotices.txt", "third_party/protobuf-lite.copyright"):
        assert (documents / name).stat().st_size > 100, name
    for name in ("centerface.onnx", "centerface.LICENSE", "fr_feature.onnx", "fr_feature.LICENSE"):
        assert (installed / "share/mien/models" / name).stat().st_size > 100, name
    json.loads((installed / "share/mien/record.schema.json").read_text())


def test_destdir(tmp_path):
    call("cmake", "--install", BUILD, "--prefix", "/opt/mien", environment={"DESTDIR": str(tmp_path)})
    assert (tmp_path / "opt/mien/bin/mien").exists()
    assert not list((tmp_path / "opt/mien").rglob("*.a"))


def test_the_bill_of_materials_is_whole(installed):
    document = json.loads((installed / "share/doc/mien/mien.spdx.json").read_text())
    assert document["spdxVersion"] == "SPDX-2.3"
    packages = {package["SPDXID"]: package for package in document["packages"]}
    assert len(packages) == len(document["packages"])
    for package in packages.values():
        assert re.match(r"\d", package.get("versionInfo", "")), package
    linked = {link["relatedSpdxElement"] for link in document["relationships"]}
    assert linked == set(packages)
