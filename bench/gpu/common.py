"""What the steps of bench/on_a_gpu.py share: the unpacked kit, processes with limits, and the file of results."""

import datetime
import json
import os
import select
import signal
import site
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
Facts = dict[str, Any]

# What `mien` is told, by provider. "cpu" and "test" (MIEN_TEST_DEVICE) try the script where there is no GPU.
GPU_OPTIONS = {"cuda": ["--gpu", "--backend", "cuda"], "webgpu": ["--gpu", "--backend", "webgpu"],
               "cpu": ["--gpu", "--backend", "cpu"], "test": ["--gpu"]}
REQUIRE_OPTIONS = {**{name: [f"{options[0]}=require", *options[1:]] for name, options in GPU_OPTIONS.items()},
                   "cpu": GPU_OPTIONS["cpu"]}


# Of which model bench/model_as_run makes it, and how.
FORMS = {"plain": ("detector", []), "masked": ("detector", ["--masked"]), "aligned": ("embedder", [])}


@dataclass
class Done:
    """A process that ended, or was ended at its limit (then the exit code is None)."""
    code: int | None
    output: str
    seconds: float

    @property
    def fine(self) -> bool:
        return self.code == 0

    def facts(self, lines: int = 12) -> Facts:
        return {"exit_code": self.code, "seconds": round(self.seconds, 2), "output": self.output.splitlines()[-lines:]}


def end(process: subprocess.Popen) -> None:
    """Ends the process and what it started: each leads a group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def run(command: list[str], limit_s: float, environment: dict[str, str]) -> Done:
    """Standard output and error together, without more than `limit_s` of waiting."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                       env=environment, start_new_session=True)
        except OSError as error:
            return Done(127, str(error), 0)
        try:
            code: int | None = process.wait(timeout=max(limit_s, 0.1))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            end(process)
        output.seek(0)
        return Done(code, output.read().decode(errors="replace"), time.monotonic() - started)


def cuda_folders() -> list[str]:
    """Where the CUDA libraries of PyTorch's wheels lie in this Python: nvidia/cudnn/lib, nvidia/cu13/lib, ..."""
    places = [Path(place) for place in [*site.getsitepackages(), site.getusersitepackages(), *sys.path] if place]
    folders = [folder for place in places for folder in sorted(place.glob("nvidia/*/lib")) if folder.is_dir()]
    return list(dict.fromkeys(str(folder) for folder in folders))


def with_cuda(libraries: list[str]) -> dict[str, str]:
    """The environment in which these folders and CUDA's are searched for libraries, and code of the device is loaded
    when it is called: the kit's provider has not all of it."""
    folders = [*libraries, *cuda_folders(), os.environ.get("LD_LIBRARY_PATH", "")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, folders)), "CUDA_MODULE_LOADING": "LAZY",
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def device_name(provider: str) -> str:
    if provider in ("cpu", "test"):
        return f"no GPU ({provider})"
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return ", driver ".join(part.strip() for part in told.splitlines()[0].split(","))


class Bench:
    """What a step gets. `deadline` is the time.monotonic() at which it has to be over."""

    def __init__(self, kit: Path, provider: str, output: Path, scratch: Path, *, scale: float = 1, search: str = ""):
        self.kit, self.provider, self.output, self.scratch = kit.resolve(), provider, output, scratch.resolve()
        self.scale, self.search = scale, search
        self.described: Facts = json.loads((kit / "kit.json").read_text())
        self.device = device_name(provider)
        self.deadline = float("inf")
        self.forms: dict[Path, bool] = {}
        self.step = 0
        self.scratch.mkdir(parents=True, exist_ok=True)

    @property
    def left(self) -> float:
        return self.deadline - time.monotonic()

    def write(self, what: str, **facts: Any) -> None:
        """Appends a line of JSON to the results and shows it."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        record = {"time": now, "device": self.device, "provider": self.provider, "commit": self.described.get("commit"),
                  "step": self.step, "what": what, **facts}
        with self.output.open("a") as stream:
            stream.write(json.dumps(record) + "\n")
        print(json.dumps({"what": what, **facts})[:400], flush=True)

    def environment(self, **variables: str) -> dict[str, str]:
        """That of mien: the kit's libraries, then CUDA's."""
        files = {"MIEN_BACKEND_DIR": "backends", "MIEN_MODEL_DIR": "models",
                 "MIEN_ORT_LIBRARY": "backends/cuda/libonnxruntime.so.1.31.1",
                 "MIEN_OPENVINO_LIBRARY": "openvino/libopenvino_c.so.2641"}
        own = {name: str(self.kit / place) for name, place in files.items() if (self.kit / place).exists()}
        if self.search:
            own["MIEN_CUDNN_SEARCH"] = self.search
        return {**with_cuda([str(self.kit / "lib")]), **own, **variables}

    def python_environment(self, **variables: str) -> dict[str, str]:
        """That of Python: the kit's package, and CUDA's libraries. The kit's others are for mien alone: this Python has
        its own, which may be newer."""
        paths = [str(self.kit / "python"), os.environ.get("PYTHONPATH", "")]
        return {**with_cuda([]), "PYTHONPATH": ":".join(filter(None, paths)), "PYTHONUNBUFFERED": "1", **variables}

    def mien(self, *arguments: str) -> list[str]:
        return [str(self.kit / self.described["mien"]), *arguments]

    def model(self, pair: str, role: str) -> Path:
        """The file of a detector or an embedder, as its package has it."""
        return self.kit / self.described["pairs"][pair][role]

    def form(self, pair: str, form: str) -> Path | None:
        """A model as mien runs it on a device: plain and masked are of the detector, aligned is the embedder. Written
        when it is first asked for; None where there is none."""
        role, arguments = FORMS[form]
        model = self.model(pair, role)
        target = self.scratch / "forms" / f"{model.stem}.{form}.onnx"
        if target not in self.forms:
            target.parent.mkdir(exist_ok=True)
            command = [str(self.kit / "bin/model_as_run"), role, str(model), str(target), *arguments]
            done = run(command, min(60, self.left), self.environment())
            self.forms[target] = done.fine
            if not done.fine:
                self.write("no form", model=model.name, form=form, **done.facts())
        return target if self.forms[target] else None

    @property
    def main_pair(self) -> str:
        """The smallest models where they were packed, else the default ones."""
        names = list(self.described["pairs"])
        return next((name for name in names if name not in ("default", "large")), names[0])


class Worker:
    """A process that runs models by ONNX Runtime and answers in lines of JSON; one that hangs is ended and replaced."""

    def __init__(self, bench: Bench):
        self.bench = bench
        self.process: subprocess.Popen | None = None
        self.messages = bench.scratch / "worker.log"

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def start(self) -> subprocess.Popen:
        command = [sys.executable, str(HERE / "worker.py"), str(self.bench.scratch),
                   str(self.bench.kit / "backends/webgpu/libonnxruntime_providers_webgpu.so")]
        with self.messages.open("wb") as messages:
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages,
                                    env=self.bench.python_environment(),
                                    start_new_session=True)

    def ask(self, limit_s: float, **request: Any) -> Facts:
        """The answer; {"error": ...} where the work failed, took longer than `limit_s`, or ended the process."""
        limit_s = min(limit_s, self.bench.left)
        if limit_s <= 0:
            return {"error": "no time is left"}
        if self.process is None:
            self.process = self.start()
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.read_line(time.monotonic() + limit_s)
        if line is None:
            self.stop()
            return {"error": f"over {limit_s:.0f} s"}
        if not line.endswith(b"\n"):
            self.stop()
            return {"error": f"the process ended: {self.messages.read_text(errors='replace')[-500:].strip()}"}
        return json.loads(line)

    def read_line(self, deadline: float) -> bytes | None:
        """None when there is none in time; without a line end when the process has ended."""
        line = b""
        descriptor = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                return None
            block = os.read(descriptor, 1 << 16)
            if not block:
                return line
            line += block
        return line
