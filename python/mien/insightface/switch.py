"""insightface, as a name, for mien.insightface."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from types import ModuleType

from ..errors import InvalidArgumentError

MODULES = (
    "", "app", "app.common", "app.face_analysis", "model_zoo", "model_zoo.arcface_onnx", "model_zoo.model_zoo",
    "model_zoo.scrfd", "utils", "utils.face_align",
)


def install() -> None:
    """From now on `import insightface` means mien.insightface, in this process."""
    present = sys.modules.get("insightface")
    ours = importlib.import_module("mien.insightface")
    if present is not None and present is not ours:
        raise InvalidArgumentError("insightface is imported already: call mien.insightface.install() before that")
    for name in MODULES:
        dot = "." if name else ""
        sys.modules[f"insightface{dot}{name}"] = importlib.import_module(f"mien.insightface{dot}{name}")
    if "onnxruntime" not in sys.modules and importlib.util.find_spec("onnxruntime") is None:
        sys.modules["onnxruntime"] = _runtime_names()


def _runtime_names() -> ModuleType:
    """Programs ask onnxruntime which providers there are; where it is not installed, mien answers."""
    from ..devices import get_gpu_manager
    from .providers import PROVIDERS

    module = ModuleType("onnxruntime", "Which providers mien has; nothing else of onnxruntime is here.")
    module.__spec__ = importlib.machinery.ModuleSpec("onnxruntime", None)

    def get_available_providers() -> list[str]:
        usable = [backend.value for backend in get_gpu_manager().get_available_backends()]
        return [name for name, backend in PROVIDERS.items() if backend in usable]

    setattr(module, "get_available_providers", get_available_providers)
    setattr(module, "set_default_logger_severity", lambda severity: None)
    return module
