"""Runs models by ONNX Runtime's Python package for bench/on_a_gpu.py, which starts and ends it (common.py, Worker).

    worker.py SCRATCH WEBGPU_LIBRARY

Reads requests as lines of JSON, {"do": NAME, ...}, and answers each with one line; what goes wrong is {"error": ...}.
A request for a model has: model (path), batch, side (height and width of its images), provider (cuda, webgpu, cpu),
options (of the provider). Inputs are random numbers of a fixed seed. Inputs named mien_mask_STRIDE make rectangles of
different sizes, one an image, outside which the image is 0, as mien gives it to a detector with masks.
"""

import json
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable

import numpy
import onnxruntime

from profiles import summarise_profile

Request = dict[str, Any]
Facts = dict[str, Any]

PROVIDERS = {"cuda": "CUDAExecutionProvider", "webgpu": "WebGpuExecutionProvider", "cpu": "CPUExecutionProvider"}
MASK = "mien_mask_"
# Height and width of an image by a canvas's side, as photos of usual shapes have them. In multiples of 32 pixels.
RECTANGLES = ((0.7, 1), (0.8, 0.65), (1, 0.45), (1, 1))
WARM_RUNS = 20
SCRATCH = Path(sys.argv[1]) if len(sys.argv) > 2 else Path()


def rectangle(number: int, side: int) -> tuple[int, int]:
    height, width = RECTANGLES[number % len(RECTANGLES)]
    return max(32, round(height * side / 32) * 32), max(32, round(width * side / 32) * 32)


def make_inputs(session: onnxruntime.InferenceSession, batch: int, side: int) -> dict[str, numpy.ndarray]:
    names = [value.name for value in session.get_inputs()]
    images = numpy.random.default_rng(7).uniform(-1, 1, (batch, 3, side, side)).astype(numpy.float32)
    inputs = {}
    for name in names:
        if not name.startswith(MASK):
            inputs[name] = images
            continue
        stride = int(name.removeprefix(MASK))
        inputs[name] = numpy.zeros((batch, 1, side // stride, side // stride), numpy.float32)
        for number in range(batch):
            height, width = rectangle(number, side)
            inputs[name][number, :, :height // stride, :width // stride] = 1
    if len(inputs) > 1:
        for number in range(batch):
            height, width = rectangle(number, side)
            images[number, :, height:] = 0
            images[number, :, :, width:] = 0
    return inputs


def session_options(request: Request) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return options


def read_model(request: Request) -> str | bytes:
    return fuse_activations(request["model"]) if request.get("fused") else request["model"]


def fuse_activations(path: str) -> bytes:
    """The model with each Conv whose one reader is a Relu, and that Relu, as a node of ONNX Runtime's own."""
    import onnx  # only this needs it

    model = onnx.load(path)
    readers = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            readers[name].append(node)
    kept, gone = [], set()
    outputs = {value.name for value in model.graph.output}
    for node in model.graph.node:
        following = readers[node.output[0]] if node.op_type == "Conv" and node.output[0] not in outputs else []
        if len(following) == 1 and following[0].op_type == "Relu":
            gone.add(following[0].output[0])
            node.op_type, node.domain = "FusedConv", "com.microsoft"
            node.attribute.append(onnx.helper.make_attribute("activation", "Relu"))
            node.output[0] = following[0].output[0]
        elif node.output[0] in gone:
            continue
        kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    return model.SerializeToString()


def open_session(request: Request, options: onnxruntime.SessionOptions | None = None) -> onnxruntime.InferenceSession:
    provider = PROVIDERS[request["provider"]]
    options = options or session_options(request)
    wanted: list[Any] = ["CPUExecutionProvider"]
    if request["provider"] == "webgpu":
        open_webgpu(options)
        wanted = []
    elif request["provider"] == "cuda":
        wanted.insert(0, (provider, request.get("options", {})))
    session = onnxruntime.InferenceSession(read_model(request), options, providers=wanted or None)
    if provider not in session.get_providers():
        raise RuntimeError(f"{provider} could not be opened: the session has {session.get_providers()}")
    return session


def open_webgpu(options: onnxruntime.SessionOptions) -> None:
    if not getattr(open_webgpu, "is_registered", False):
        onnxruntime.register_execution_provider_library("webgpu", sys.argv[2])
        open_webgpu.is_registered = True
    devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == PROVIDERS["webgpu"]]
    if not devices:
        raise RuntimeError("WebGPU finds no device")
    options.add_provider_for_devices(devices[:1], {})


class Bound:
    """A session whose inputs and outputs stay on the device between runs."""

    def __init__(self, session: onnxruntime.InferenceSession, inputs: dict[str, numpy.ndarray], provider: str):
        # WebGPU offers Python no memory of its own: there, each run copies.
        place = "cuda" if provider == "cuda" else "cpu"
        self.session, self.binding = session, session.io_binding()
        # The binding holds addresses alone.
        self.values = [onnxruntime.OrtValue.ortvalue_from_numpy(value, place, 0) for value in inputs.values()]
        for name, value in zip(inputs, self.values):
            self.binding.bind_ortvalue_input(name, value)
        for output in session.get_outputs():
            self.binding.bind_output(output.name, place, 0)

    def run(self) -> float:
        """Seconds."""
        started = time.monotonic()
        self.session.run_with_iobinding(self.binding)
        self.binding.synchronize_outputs()
        return time.monotonic() - started


def reference_path(request: Request) -> Path:
    return SCRATCH / f"{Path(request['model']).name}-{request['batch']}-{request['side']}.npz"


def make_reference(request: Request) -> Facts:
    """Keeps the CPU's outputs, with which plans are compared, for this process and those after it."""
    path = reference_path(request)
    if path.exists():
        return {"seconds": 0}
    started = time.monotonic()
    session = open_session({**request, "provider": "cpu", "fused": False})
    outputs = session.run(None, make_inputs(session, request["batch"], request["side"]))
    part = path.with_suffix(".part.npz")
    numpy.savez(part, *outputs)
    part.replace(path)
    return {"seconds": round(time.monotonic() - started, 2)}


def differences(outputs: list[numpy.ndarray], path: Path) -> Facts:
    """Largest difference from the CPU's outputs, and the largest beside the largest number of its output."""
    largest = relative = 0.0
    with numpy.load(path) as reference:
        for ours, name in zip(outputs, reference.files):
            theirs = reference[name]
            apart = float(numpy.abs(ours - theirs).max())
            largest = max(largest, apart)
            relative = max(relative, apart / max(float(numpy.abs(theirs).max()), 1e-30))
    return {"difference": largest, "relative": relative}


def measure_plan(request: Request) -> Facts:
    started = time.monotonic()
    session = open_session(request)
    open_s = time.monotonic() - started
    inputs = make_inputs(session, request["batch"], request["side"])
    bound = Bound(session, inputs, request["provider"])
    first_s = bound.run()
    warm = [bound.run() for _ in range(WARM_RUNS)]
    copied = []
    outputs: list[numpy.ndarray] = []
    for _ in range(3):
        started = time.monotonic()
        outputs = session.run(None, inputs)
        copied.append(time.monotonic() - started)
    return {"open_s": round(open_s, 3), "first_s": round(first_s, 3), "warm_ms": round(1000 * min(warm), 3),
            "copied_ms": round(1000 * min(copied), 3), **differences(outputs, reference_path(request))}


def plan_together(request: Request) -> Facts:
    """Opens `count` sessions of the model at once, each with its first run; the wall clock, and each one's seconds."""
    inputs = make_inputs(open_session({**request, "provider": "cpu"}), request["batch"], request["side"])
    seconds: list[float] = []
    errors: list[str] = []
    lock = threading.Lock()

    def plan() -> None:
        started = time.monotonic()
        try:
            Bound(open_session(request), inputs, request["provider"]).run()
        except Exception as error:  # of whatever type the runtime has
            with lock:
                errors.append(str(error)[:300])
        with lock:
            seconds.append(round(time.monotonic() - started, 3))

    threads = [threading.Thread(target=plan) for _ in range(request["count"])]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(errors[0])
    return {"wall_s": round(time.monotonic() - started, 3), "seconds": sorted(seconds)}


def profile_run(request: Request) -> Facts:
    """ONNX Runtime's own profile of the last of three runs, by operator: nodes, ms on the host, MB read and written."""
    options = session_options(request)
    options.enable_profiling = True
    options.profile_file_prefix = str(SCRATCH / "profile")
    session = open_session(request, options)
    bound = Bound(session, make_inputs(session, request["batch"], request["side"]), request["provider"])
    for _ in range(3):
        bound.run()
    path = Path(session.end_profiling())
    events = json.loads(path.read_text())
    path.unlink()
    return summarise_profile(events)


def trace_kernels(request: Request) -> Facts:
    import worker_torch  # PyTorch, which is not everywhere

    session = open_session(request)
    bound = Bound(session, make_inputs(session, request["batch"], request["side"]), request["provider"])
    bound.run()
    return worker_torch.trace_kernels(bound.run)


def measure_transfers(request: Request) -> Facts:
    import worker_torch

    return worker_torch.measure_transfers(request["bytes"], request["pinned"])


def decode_jpegs(request: Request) -> Facts:
    import worker_torch

    return worker_torch.decode_jpegs([Path(path) for path in request["photos"]], request["count"])


ACTIONS: dict[str, Callable[[Request], Facts]] = {
    "reference": make_reference, "plan": measure_plan, "together": plan_together, "profile": profile_run,
    "kernels": trace_kernels, "transfers": measure_transfers, "jpegs": decode_jpegs}


def main() -> None:
    answers = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = ACTIONS[request["do"]](request)
        except Exception as error:  # of whatever type a runtime has: the next request may work
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
