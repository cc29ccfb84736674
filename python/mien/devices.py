"""Which processors there are, and which one is used.

>>> import mien
>>> manager = mien.get_gpu_manager()
>>> [backend.value for backend in manager.get_available_backends()][-1]
'cpu'
>>> sorted(manager.get_memory_info())
['free', 'total', 'used']
"""

from __future__ import annotations

import enum
import threading
from typing import TYPE_CHECKING

from . import _mien
from .settings import Settings, get_settings

GPUDevice = _mien.GPUDevice


class _BackendNames(enum.EnumMeta):
    if TYPE_CHECKING:  # which members there are, the library alone knows
        def __getattr__(cls, name: str) -> GPUBackend: ...


class GPUBackend(enum.Enum, metaclass=_BackendNames):
    """A kind of processor: GPUBackend.CUDA, GPUBackend("cuda") and so on for each that the library names."""

    _value_: str
    _ignore_ = ["_name"]
    for _name in _mien.backend_names():
        vars()[_name.upper()] = _name


class GPUManager:
    """What the drivers say about the devices of this machine. Asking opens none of them."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or get_settings()
        self._backends: list[_mien.BackendInfo] | None = None

    def initialize(self) -> bool:
        """Asks the drivers again. True when a GPU can be used."""
        self._backends = _mien.list_backends(self._settings.native)
        return self.get_preferred_device() is not None

    def get_available_backends(self) -> list[GPUBackend]:
        """Those whose library and device are here; the CPU is always the last."""
        return [GPUBackend(info.name) for info in self._usable()] + [GPUBackend.CPU]

    def get_devices(self) -> list[_mien.GPUDevice]:
        """The GPUs of these backends; none for the CPU."""
        return [device for info in self._usable() for device in info.devices]

    def get_device_by_id(self, device_id: int) -> _mien.GPUDevice | None:
        """The one with this number, of the preferred backend first."""
        return next((device for device in self.get_devices() if device.id == device_id), None)

    def get_preferred_device(self) -> _mien.GPUDevice | None:
        """The GPU that GPU_BACKEND and GPU_DEVICE_ID mean; None where there is none, or the CPU is asked for.

        Software adapters count only with MIEN_ALLOW_SOFTWARE_GPU; without it GPU_DEVICE_ID counts the others alone.
        """
        return next((info.chosen for info in self._usable() if info.chosen is not None), None)

    def is_operation_gpu_enabled(self, name: str) -> bool:
        """Whether the settings ask for the GPU and there is one."""
        return self._settings.is_gpu_enabled_for_operation(name) and self.get_preferred_device() is not None

    def get_memory_info(self) -> dict[str, int]:
        """Of the preferred device as it is now, in MB of 2^20 bytes; zeros when there is none."""
        self._backends = _mien.list_backends(self._settings.native)
        device = self.get_preferred_device()
        if device is None:
            return {"total": 0, "free": 0, "used": 0}
        used = device.memory_used or device.memory_total - device.memory_free
        return {"total": device.memory_total, "free": device.memory_free, "used": used}

    def cleanup(self) -> None:
        """Forgets what the drivers said. Devices are let go when the engines that use them are."""
        self._backends = None

    def _usable(self) -> list[_mien.BackendInfo]:
        backends = self._backends  # another thread may forget them meanwhile
        if backends is None:
            backends = self._backends = _mien.list_backends(self._settings.native)
        return [info for info in backends if info.usable and info.name != "cpu"]

    def __repr__(self) -> str:
        return f"GPUManager({[backend.value for backend in self.get_available_backends()]})"


_lock = threading.Lock()
_manager: GPUManager | None = None


def get_gpu_manager() -> GPUManager:
    """The manager of this process."""
    global _manager
    with _lock:
        if _manager is None:
            _manager = GPUManager()
        return _manager
