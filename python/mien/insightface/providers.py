"""ONNX Runtime's providers as mien's settings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from .. import _mien, logs
from ..devices import GPUManager
from ..errors import InvalidArgumentError
from ..settings import Settings

PROVIDERS = {provider: name for name in _mien.backend_names() for provider in _mien.backend_providers(name)}


def settings_for(
    providers: Sequence[Any] | None, provider_options: Sequence[Mapping[str, Any]] | None, ctx_id: int
) -> Settings:
    """What a program asked for wins over the environment; without providers, the environment decides.

    With the CPU among the providers it takes over where the GPU fails, and that is a warning; without it, a GPU that is
    not there is an error. A negative ctx_id means the CPU.
    """
    asked = _asked(providers, provider_options)
    if ctx_id < 0 or (providers is not None and asked and asked[0][0] == "cpu"):
        return _follow(Settings({"ALL_GPU": False, "GPU_BACKEND": "cpu", **_flags("false")}))
    if not asked:
        overrides = {"GPU_DEVICE_ID": ctx_id} if ctx_id > 0 else {}
        return _follow(Settings(overrides))
    backend, options = asked[0]
    mode = "true" if any(other == "cpu" for other, _ in asked) else "require"
    device = int(options.get("device_id", max(ctx_id, 0)))
    settings = Settings({"GPU_BACKEND": backend, "GPU_DEVICE_ID": device, **_flags(mode)})
    if mode == "true" and GPUManager(settings).get_preferred_device() is None:
        warnings.warn(f"{backend} was asked for and cannot be used here: the CPU works ('mien doctor' says why)",
                      RuntimeWarning, stacklevel=4)
    return _follow(settings)


def _follow(settings: Settings) -> Settings:
    logs.follow(settings.native)
    return settings


def _flags(mode: str) -> dict[str, str]:
    return {"FACE_DETECTION_GPU": mode, "FACE_EMBEDDING_GPU": mode}


def _asked(providers: Sequence[Any] | None, options: Sequence[Mapping[str, Any]] | None) -> list[tuple[str, Any]]:
    """Backend and options of each provider, in order."""
    asked: list[tuple[str, Any]] = []
    for index, provider in enumerate(providers or ()):
        own: Mapping[str, Any] = options[index] if options is not None and index < len(options) else {}
        if not isinstance(provider, str):
            provider, own = provider[0], provider[1] if len(provider) > 1 else own
        if provider not in PROVIDERS:
            raise InvalidArgumentError(f"mien has no {provider}: use {', '.join(PROVIDERS)}")
        asked.append((PROVIDERS[provider], own))
    return asked
