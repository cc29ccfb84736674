"""The part of worker.py that needs PyTorch: copies to the device, kernels of a run, JPEG decoding by nvJPEG."""

import ctypes
import ctypes.util
import io
import time
from pathlib import Path
from typing import Any, Callable

import numpy
import torch

from profiles import summarise_spans

Facts = dict[str, Any]
RUNS = 20
# nvjpeg.h: nvjpegBackend_t
HARDWARE = 3


def need_cuda() -> None:
    if not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no GPU")


def measure_transfers(size: int, pinned: bool) -> Facts:
    """Least of 20 copies of `size` bytes to the device."""
    need_cuda()
    source = torch.randint(0, 255, (size,), dtype=torch.uint8)
    if pinned:
        source = source.pin_memory()
    target = torch.empty(size, dtype=torch.uint8, device="cuda")
    seconds = []
    for _ in range(RUNS):
        torch.cuda.synchronize()
        started = time.monotonic()
        target.copy_(source, non_blocking=pinned)
        torch.cuda.synchronize()
        seconds.append(time.monotonic() - started)
    return {"ms": round(1000 * min(seconds), 4), "gb_per_s": round(size / min(seconds) / 1e9, 2)}


def trace_kernels(run: Callable[[], float]) -> Facts:
    """What the device did in one run, as NVIDIA's own tracing (CUPTI) tells it: ms of kernels and copies by name, and
    how long it had nothing to do between the first and the last."""
    need_cuda()
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities):
        run()  # the tracing itself starts slowly
    with torch.profiler.profile(activities=activities) as profile:
        seconds = run()
        torch.cuda.synchronize()
    spans = [(event.time_range.start, event.time_range.end, event.name) for event in profile.events()
             if event.device_type == torch.autograd.DeviceType.CUDA]
    if not spans:
        raise RuntimeError("the tracing shows no kernel")
    return {"run_ms": round(1000 * seconds, 3), **summarise_spans(spans)}


def hardware_engines() -> Facts:
    """How many JPEG engines the chip has, as nvJPEG says."""
    for name in ("libnvjpeg.so.13", "libnvjpeg.so", ctypes.util.find_library("nvjpeg")):
        try:
            library = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if library is not None:
            break
    else:
        return {"engines": None, "reason": "libnvjpeg is not here"}
    handle = ctypes.c_void_p()
    status = library.nvjpegCreateEx(HARDWARE, None, None, 0, ctypes.byref(handle))
    if status != 0:
        return {"engines": 0, "reason": f"nvjpegCreateEx with the hardware backend answers {status}"}
    engines, cores = ctypes.c_uint(), ctypes.c_uint()
    status = library.nvjpegGetHardwareDecoderInfo(handle, ctypes.byref(engines), ctypes.byref(cores))
    library.nvjpegDestroy(handle)
    return {"engines": engines.value, "cores_an_engine": cores.value, "status": status}


def compare_planes(photos: list[Path], decoded: list[torch.Tensor], mode: str) -> Facts:
    """Of each plane: the largest difference from libjpeg-turbo (by Pillow), and the share of bytes that differ."""
    from PIL import Image

    planes = len(mode)
    largest, differing, total = numpy.zeros(planes, int), numpy.zeros(planes, int), 0
    for photo, ours in zip(photos, decoded):
        with Image.open(io.BytesIO(photo.read_bytes())) as opened:
            if mode == "L":
                opened.draft("L", opened.size)  # the plane as it is stored
            theirs = numpy.asarray(opened.convert(mode), int).reshape(-1, planes)
        apart = numpy.abs(ours.permute(1, 2, 0).cpu().numpy().astype(int).reshape(-1, planes) - theirs)
        largest = numpy.maximum(largest, apart.max(axis=0))
        differing += (apart > 0).sum(axis=0)
        total += len(apart)
    return {"largest": largest.tolist(), "differing": [round(float(count) / total, 4) for count in differing]}


def decode_jpegs(photos: list[Path], count: int) -> Facts:
    """Photos a second by torchvision's nvJPEG (the hardware where it can), `count` at once, and how its red, green and
    blue and its luminance differ from libjpeg-turbo's."""
    from torchvision.io import ImageReadMode, decode_jpeg

    need_cuda()
    torch.zeros(1, device="cuda")
    encoded = [torch.frombuffer(bytearray(photo.read_bytes()), dtype=torch.uint8) for photo in photos]
    many = [encoded[number % len(encoded)] for number in range(count)]
    seconds = []
    for _ in range(5):
        torch.cuda.synchronize()
        started = time.monotonic()
        decode_jpeg(many, mode=ImageReadMode.RGB, device="cuda")
        torch.cuda.synchronize()
        seconds.append(time.monotonic() - started)
    colours = compare_planes(photos, decode_jpeg(encoded, mode=ImageReadMode.RGB, device="cuda"), "RGB")
    luminance = compare_planes(photos, decode_jpeg(encoded, mode=ImageReadMode.GRAY, device="cuda"), "L")
    return {"photos": count, "photos_per_s": round(count / min(seconds), 1), "rgb": colours, "y": luminance,
            **hardware_engines()}
