"""What the tests of the command line share: the real binary, photos, and a terminal to run it in."""

import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

BINARY = os.environ.get("MIEN_BINARY", "")
DEPS = pathlib.Path(os.environ.get("MIEN_TEST_DEPS", ".deps"))
SECONDS_MAX = 120  # for one command; sanitizer builds are slow

if not BINARY:
    raise pytest.UsageError("MIEN_BINARY is not set: run these tests through ctest or ./dev test")


def clean_environment(home, **variables):
    """The environment of a new user: no setting of ours, a home folder without files."""
    kept = ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
    result = {name: os.environ[name] for name in kept if name in os.environ}
    result |= {"HOME": str(home), "LANG": "C.UTF-8", "TERM": "xterm"}
    return result | variables


class Mien:
    """Starts the binary in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()

    def environment(self, **variables):
        return clean_environment(self.home, **variables)

    def __call__(self, *arguments, env=None, stdin=subprocess.DEVNULL, data=None, text=True):
        return subprocess.run(
            [BINARY, *arguments],
            cwd=self.folder,
            env=self.environment(**(env or {})),
            stdin=None if data is not None else stdin,
            input=data,
            capture_output=True,
            text=text,
            timeout=SECONDS_MAX,
            check=False,
        )

    def start(self, *arguments, **options):
        return subprocess.Popen(
            [BINARY, *arguments], cwd=self.folder, env=self.environment(), **options
        )


class Screen:
    """What a command wrote to a terminal, and how it ended."""

    def __init__(self, text, returncode):
        self.text = text
        self.returncode = returncode
        self.plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)

    def rows(self):
        """The lines as they stand at the end, each after the last return to its start."""
        return [line.rstrip("\r").split("\r")[-1] for line in self.plain.split("\n")]


def run_in_terminal(folder, arguments, env, width=80, interrupt_after=None):
    """Runs a command with a pseudo-terminal on all three standard files."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(folder)
        # Here and not in the parent: the command may ask for the width at once.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        os.execve(BINARY, [BINARY, *arguments], env)
    output = b""
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        readable, _, _ = select.select([master], [], [], 0.1)
        if readable:
            try:
                piece = os.read(master, 65536)
            except OSError:  # the other end was closed
                break
            if not piece:
                break
            output += piece
        if interrupt_after and interrupt_after.encode() in output:
            os.write(master, b"\x03")
            interrupt_after = None
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(master)
    return Screen(output.decode("utf-8", "replace"), os.waitstatus_to_exitcode(status))


@pytest.fixture
def mien(tmp_path):
    return Mien(tmp_path)


@pytest.fixture
def photos():
    folder = DEPS / "photos"
    if not folder.is_dir():
        pytest.skip(f"no photos in {folder}: ./dev build fetches them")
    return folder


@pytest.fixture
def terminal(mien):
    def run(*arguments, width=80, interrupt_after=None, **variables):
        return run_in_terminal(
            mien.folder,
            [str(argument) for argument in arguments],
            mien.environment(**variables),
            width=width,
            interrupt_after=interrupt_after,
        )

    return run
