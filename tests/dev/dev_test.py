"""./dev without a network and without a compiler: a copy of the script and of its pins, with stub clients in PATH."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTENT = {"lib.so": b"a library", "model.onnx": b"a model", "photo.jpg": b"a photo"}
SHA256 = {name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()}


def wheel() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("onnxruntime/capi/lib.so", CONTENT["lib.so"])
    return stream.getvalue()


def tarball(folder: str, name: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo(f"{folder}/{name}")
        member.size = len(CONTENT[name])
        archive.addfile(member, io.BytesIO(CONTENT[name]))
    return stream.getvalue()


# Both stub clients write down that they were called, and copy the archive of the package or fail as told.
STUB = """\
#!/bin/bash
echo "$0 $*" >>{calls}
for word in "$@"; do
  case $word in --version) echo 1; exit 0 ;; esac
done
{behaviour}
while [[ $# -gt 0 ]]; do
  case $1 in
    --dest | --pack-destination) dest=$2; shift ;;
    *onnxruntime==1.0 | *onnxruntime==0.9) archive=onnxruntime-1.0.whl ;;
    models@2.0) archive=models-2.0.tgz ;;
    *requirement.txt) archive=photos-3.0.tar.gz ;;
  esac
  shift
done
cp {archives}/"$archive" "$dest"
"""


class Project:
    """A project of nothing but the set-up: ./dev, deps.py, a lock file of three small packages, stubs."""

    def __init__(self, root: Path):
        self.root = root
        self.calls = root / "calls"
        self.bin = root / "bin"
        self.environment: dict[str, str] = {"MIEN_NO_APT": "1"}
        (root / "cmake").mkdir()
        self.bin.mkdir()
        for name in ("dev", "cmake/deps.py"):
            shutil.copy(ROOT / name, root / name)
        archives = root / "archives"
        archives.mkdir()
        (archives / "onnxruntime-1.0.whl").write_bytes(wheel())
        (archives / "models-2.0.tgz").write_bytes(tarball("package", "model.onnx"))
        (archives / "photos-3.0.tar.gz").write_bytes(tarball("photos-3.0", "photo.jpg"))
        self.photos_sha256 = hashlib.sha256((archives / "photos-3.0.tar.gz").read_bytes()).hexdigest()
        self.pin()
        self.clients("")
        (root / "CMakePresets.json").write_text("{}")
        # The build is somebody else's test: cmake makes a binary that says how it was called.
        self.stub("cmake", f"""\
            [[ $* == *--fresh* ]] || exit 0
            mkdir -p {root}/build/release && touch {root}/build/release/build.ninja
            printf '#!/bin/bash\\necho "mien $*"\\n' >{root}/build/release/mien
            chmod +x {root}/build/release/mien""")

    def stub(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text("#!/bin/bash\n" + textwrap.dedent(body) + "\n")
        path.chmod(0o755)

    def clients(self, behaviour: str) -> None:
        stub = STUB.format(calls=self.calls, archives=self.root / "archives", behaviour=behaviour)
        (self.bin / "npm").write_text(stub)
        (self.bin / "pip").write_text(stub)
        # deps.py asks python for pip: this python answers with the stub, and is the real one for anything else.
        self.stub("python3", f'[[ $1 == -m && $2 == pip ]] && exec {self.bin}/pip "${{@:3}}"\n'
                             f'exec {sys.executable} "$@"')
        for name in ("npm", "pip"):
            (self.bin / name).chmod(0o755)

    def pin(self, **changed: str) -> None:
        sha256 = {**{name.split(".")[0]: value for name, value in SHA256.items()}, **changed}
        (self.root / "cmake/deps.lock").write_text(textwrap.dedent(f"""\
            package wheel onnxruntime==1.0 0.1 engine any
            from onnxruntime/capi
            to onnxruntime/lib
            {sha256["lib"]} lib.so
            package npm models==2.0 0.1 engine any
            from package
            to models
            {sha256["model"]} model.onnx default.onnx
            package sdist photos==3.0 0.1 samples any
            archive {changed.get("archive", self.photos_sha256)}
            to photos
            {sha256["photo"]} photo.jpg
            """))

    def dev(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        variables = {**os.environ, **self.environment, **environment}
        variables["PATH"] = f"{self.bin}:{os.environ['PATH']}"
        return subprocess.run([str(self.root / "dev"), *arguments], env=variables, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)

    def files(self) -> set[str]:
        deps = self.root / ".deps"
        return {path.relative_to(deps).as_posix() for path in deps.rglob("*")
                if path.is_file() and not path.name.startswith(".")}

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture(name="project")
def make_project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def only_line(result: subprocess.CompletedProcess) -> str:
    """The one line that says what is wrong."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("dev: ")]
    assert result.returncode == 1 and len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


def test_sets_up_builds_and_runs(project: Project):
    result = project.dev("mien", "scan", "a b")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "mien scan a b\n"  # everything else goes to standard error
    assert "onnxruntime==1.0" in result.stderr and "MB to download" in result.stderr
    assert project.files() == {"onnxruntime/lib/lib.so", "models/default.onnx"}
    assert not (project.root / ".deps/fetch").exists()


def test_setup_fetches_and_builds_nothing(project: Project):
    result = project.dev("setup")
    assert result.returncode == 0, result.stderr
    assert project.files() == {"onnxruntime/lib/lib.so", "models/default.onnx"}
    assert not (project.root / "build").exists()


def test_runs_in_the_folder_of_the_caller(project: Project, tmp_path_factory: pytest.TempPathFactory):
    project.dev("build")
    binary = project.root / "build/release/mien"
    binary.write_text("#!/bin/bash\npwd\n")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    environment = {**os.environ, "MIEN_NO_APT": "1", "PATH": f"{project.bin}:{os.environ['PATH']}"}
    result = subprocess.run([str(project.root / "dev"), "mien"], cwd=elsewhere, env=environment, capture_output=True,
                            text=True, check=True)
    assert result.stdout.strip() == str(elsewhere.resolve())


def test_second_run_is_quick_quiet_and_offline(project: Project):
    project.dev("bench")
    assert project.files() == {"onnxruntime/lib/lib.so", "models/default.onnx", "photos/photo.jpg"}
    project.calls.unlink()
    project.clients("exit 9")
    started = time.monotonic()
    result = project.dev("bench", "pipeline")
    assert (result.returncode, result.stdout, result.stderr) == (0, "mien bench pipeline\n", "")
    assert time.monotonic() - started < 2
    assert project.called() == []


def test_only_what_is_missing_is_fetched(project: Project):
    project.dev("bench")
    (project.root / ".deps/models/default.onnx").unlink()
    project.calls.unlink()
    result = project.dev("bench")
    assert result.returncode == 0, result.stderr
    assert [call for call in project.called() if "pack" in call or "download" in call] == [
        call for call in project.called() if "models@2.0" in call]


def test_two_versions_of_one_package_at_once(project: Project):
    lock = project.root / "cmake/deps.lock"
    lock.write_text(lock.read_text() + textwrap.dedent(f"""\
        package wheel onnxruntime==0.9 0.1 engine any
        from onnxruntime/capi
        to onnxruntime-0.9/lib
        {SHA256["lib.so"]} lib.so
        """))
    project.clients("sleep 0.5")  # both are there at the same time
    result = project.dev("build")
    assert result.returncode == 0, result.stderr
    assert {"onnxruntime/lib/lib.so", "onnxruntime-0.9/lib/lib.so"} <= project.files()


def test_the_wheel_of_another_python(project: Project):
    lock = project.root / "cmake/deps.lock"
    before = "package wheel onnxruntime==1.0 0.1 engine any"
    lock.write_text(lock.read_text().replace(before, f"{before} cp312-manylinux_2_28_x86_64"))
    assert project.dev("build").returncode == 0
    call, = [call for call in project.called() if "download" in call and "onnxruntime" in call]
    wanted = {"--python-version=3.12", "--abi=cp312", "--abi=none", "--platform=manylinux_2_28_x86_64"}
    assert {word for word in call.split() if word.startswith(("--python", "--abi", "--platform"))} == wanted


def test_the_gpu_kit_is_packed_from_what_was_built(project: Project):
    (project.root / "bench").mkdir()
    (project.root / "bench/gpu_kit.py").write_text("import sys\nprint('packs', sys.argv[1:])\n")
    result = project.dev("gpu-kit", "--chip", "86")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "packs ['pack', '--chip', '86']\n"
    assert (project.root / "build/release/mien").exists()


def test_a_damaged_file_is_replaced(project: Project):
    project.dev("build")
    model = project.root / ".deps/models/default.onnx"
    model.write_bytes(b"damaged")
    result = project.dev("build")
    assert result.returncode == 0
    assert result.stderr.count("default.onnx is not the pinned file") == 1
    assert model.read_bytes() == CONTENT["model.onnx"]


def test_a_copied_folder_needs_no_client(project: Project):
    project.dev("bench")
    for stamp in (".verified", ".lock"):
        (project.root / ".deps" / stamp).unlink()
    project.calls.unlink()
    assert project.dev("bench").returncode == 0
    assert project.called() == []


@pytest.mark.parametrize(("changed", "told"), [({"model": "0" * 64}, "model.onnx of models==2.0 has sha256"),
                                               ({"archive": "0" * 64}, "photos-3.0.tar.gz of photos==3.0 has sha256")])
def test_a_changed_checksum(project: Project, changed: dict[str, str], told: str):
    project.pin(**changed)
    line = only_line(project.dev("bench"))
    assert told in line and "do not use it" in line
    assert not (project.root / ".deps/fetch").exists()


def test_what_a_client_started_is_ended_with_it(project: Project):
    # The client of one package has a child that goes on writing into the folder; that of another package fails.
    project.clients(f"""\
case $* in
  *onnxruntime==1.0*)
    for word in "$@"; do [[ -d $word ]] && folder=$word; done
    (while :; do mkdir -p "$folder" && echo more >>"$folder/$RANDOM"; done) &
    touch {project.root}/writing
    wait ;;
  *) while [[ ! -e {project.root}/writing ]]; do sleep 0.01; done; echo "npm error code E404" >&2; exit 1 ;;
esac""")
    assert "does not offer" in only_line(project.dev("bench"))
    time.sleep(0.2)
    assert not (project.root / ".deps/fetch").exists()


@pytest.mark.parametrize(("output", "told"), [
    ("npm error code EAI_AGAIN", "no network"),
    ("Retrying after connection broken by NewConnectionError: Temporary failure in name resolution", "no network"),
    ("SSLError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed')\nERROR: No matching distribution found",
     "cannot check the certificate"),
    ("npm error code SELF_SIGNED_CERT_IN_CHAIN", "cannot check the certificate"),
    ("npm error code UNABLE_TO_VERIFY_LEAF_SIGNATURE", "cannot check the certificate"),
    ("npm error code ENOSPC", "the disk is full"),
    ("OSError: [Errno 28] No space left on device", "the disk is full"),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "is not the one pinned"),
    ("npm error code E404", "does not offer"),
    ("npm error something new", "npm error something new"),
])
def test_a_client_that_fails(project: Project, output: str, told: str):
    project.clients(f'echo "{output}" >&2; exit 1')
    line = only_line(project.dev("build"))
    assert told in line
    assert not (project.root / "build").exists()


def test_a_package_without_the_file(project: Project):
    lock = project.root / "cmake/deps.lock"
    lock.write_text(lock.read_text().replace(" lib.so", " other.so"))
    assert "holds no onnxruntime/capi/other.so" in only_line(project.dev("build"))


def test_a_processor_without_a_package(project: Project):
    lock = project.root / "cmake/deps.lock"
    lock.write_text(lock.read_text().replace("engine any", "engine vax"))
    assert "docs/building.md" in only_line(project.dev("build"))


def test_an_unsupported_system(project: Project, tmp_path: Path):
    release = tmp_path / "os-release"
    release.write_text("ID=fedora\nVERSION_ID=40\n")
    line = only_line(project.dev("build", MIEN_NO_APT="", MIEN_OS_RELEASE=str(release)))
    assert "fedora 40" in line and "docs/building.md" in line and "MIEN_NO_APT=1 ./dev build" in line


@pytest.mark.parametrize("system", ["ID=debian\nVERSION_ID=12\n", "ID=ubuntu\nVERSION_ID='24.04'\n"])
def test_debian_packages(project: Project, tmp_path: Path, system: str):
    """Names what is missing, asks apt-get for exactly that, and without root prints the line to run."""
    release = tmp_path / "os-release"
    release.write_text(system)
    project.stub("dpkg-query", """\
        for name in "${@:4}"; do
          [[ $name == libhwy-dev ]] || echo "$name installed"
        done
        exit 1""")
    project.stub("apt-get", f'[[ $* == *--print-uris* ]] && echo "a b 2500000 c" || echo "$*" >>{project.calls}.apt')
    project.stub("sudo", "exit 1")
    result = project.dev("build", MIEN_NO_APT="", MIEN_OS_RELEASE=str(release))
    assert "Debian packages: 2.5 MB for libhwy-dev\n" in result.stderr
    installed = Path(f"{project.calls}.apt")
    if os.geteuid() == 0:
        assert result.returncode == 0, result.stderr
        assert installed.read_text().split()[-1] == "libhwy-dev"
    else:
        line = only_line(result)
        assert line.endswith("apt-get update && apt-get install -y --no-install-recommends libhwy-dev")
        assert not installed.exists()


def test_a_wrong_command(project: Project):
    result = project.dev("biuld")
    assert result.returncode == 2 and "unknown command 'biuld'" in result.stderr
    assert project.dev("--help").stdout.startswith("usage: ./dev COMMAND")
    assert project.dev().stdout == project.dev("--help").stdout


def test_why_tests_failed_stands_at_the_end(project: Project):
    """Between the first failure and the end lie thousands of lines: who reads the end reads why."""
    filler = "\n".join(f"{number}/99 Test #{number}: fine ....   Passed    0.10 sec" for number in range(5, 99))
    closing = ("96% tests passed, 2 tests failed out of 99\n\nTotal Test time (real) =   9.00 sec\n\n"
               "The following tests FAILED:\n\t  1 - one (Failed)\n\t  2 - two (Timeout)\nErrors while running CTest\n")
    said = ("      Start  1: one\n 1/99 Test  #1: one .....***Failed    0.10 sec\n"
            "E   assert 1 == 2\nFAILED one.py - 1 == 2\n\n"
            "      Start  2: two\n 2/99 Test  #2: two .....***Timeout   0.10 sec\nstill waiting\n\n"
            f" 3/99 Test  #3: three ...***Skipped   0.10 sec\nnothing to do\n"
            f" 4/99 Test  #4: four ....***Not Run (Disabled)   0.00 sec\n{filler}\n{closing}")
    (project.root / "said").write_text(said)
    project.stub("ctest", f"cat {project.root}/said\nexit 8")
    project.stub("cmake", f"mkdir -p {project.root}/build/dev && touch {project.root}/build/dev/build.ninja")
    result = project.dev("test")
    assert result.returncode == 8, result.stderr
    assert result.stdout.startswith(said)
    again = result.stdout[len(said):]
    assert [line.strip() for line in again.splitlines() if line.strip()][:6] == [
        "1/99 Test  #1: one .....***Failed    0.10 sec", "E   assert 1 == 2", "FAILED one.py - 1 == 2",
        "2/99 Test  #2: two .....***Timeout   0.10 sec", "still waiting", "The following tests FAILED:"]
    assert again.endswith("Errors while running CTest\n")


def test_configures_again_when_the_pins_change(project: Project):
    project.dev("build")
    binary = project.root / "build/release/mien"
    binary.write_text("old")
    assert project.dev("build").returncode == 0
    assert binary.read_text() == "old"
    lock = project.root / "cmake/deps.lock"
    lock.write_text(lock.read_text() + "# another line\n")
    assert project.dev("build").returncode == 0
    assert binary.read_text() != "old"


GOOD = {"solvay_conference_1927.jpg": (29, 0), "astronaut.png": (1, 0), "chelsea.png": (0, 0), "coffee.png": (0, 0),
        "obama2.jpg": (1, 1), "obama3.jpg": (1, 1), "biden.jpg": (1, 0)}


@pytest.mark.parametrize(("name", "faces", "matches"), [
    (None, 0, 0), ("solvay_conference_1927.jpg", 27, 0), ("chelsea.png", 1, 0), ("coffee.png", 1, 0),
    ("obama2.jpg", 1, 0), ("obama3.jpg", 1, 0), ("biden.jpg", 1, 1), ("biden.jpg", 0, 0)])
def test_the_facts_of_the_demo(tmp_path: Path, name: str | None, faces: int, matches: int):
    records = tmp_path / "faces.jsonl"
    counts = {**GOOD, **({name: (faces, matches)} if name else {})}
    records.write_text("".join(json.dumps({"source": f"photos/{photo}", "faces": [{}] * found, "error": None,
                                           "matches": [{"face": 0, "similarity": 0.7}] * matched}) + "\n"
                               for photo, (found, matched) in counts.items()))
    result = subprocess.run([sys.executable, str(ROOT / "tests/dev/demo_facts.py"), str(records)], capture_output=True,
                            text=True, check=False)
    assert result.returncode == (1 if name else 0), result.stdout + result.stderr
