"""Settings, as the guide reads them.

>>> import mien
>>> settings = mien.get_settings()
>>> settings.is_gpu_enabled_for_operation("face_detection")
False
>>> sorted(settings.get_gpu_config())[:3]
['all_gpu', 'face_detection_gpu', 'face_embedding_gpu']
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from . import _mien, logs
from .errors import InvalidArgumentError

GPU_NAMES = (
    "ALL_GPU",
    *(f"{operation.upper()}_GPU" for operation in _mien.operation_names()),
    "GPU_BACKEND",
    "GPU_DEVICE_ID",
    "GPU_MEMORY_LIMIT_GB",
    "GPU_BATCH_SIZE",
)


class Settings:
    """What may be set from outside: environment, then .env, then the user's file, then the default.

    `overrides` win over all of them: Settings({"GPU_BACKEND": "cpu"}). Each setting is an attribute in lower case: a
    boolean where it is true or false, a number where it is one, else text, as `auto` and `require`.
    """

    def __init__(self, overrides: Mapping[str, object] | None = None) -> None:
        rows = [(name.upper(), _text(value), f"Settings({name!r})") for name, value in (overrides or {}).items()]
        self._native = _mien.load_settings(rows)
        known = {value.name: value for value in self._native.values}
        for name, _, _ in rows:
            if name.removeprefix("MIEN_") not in known and f"MIEN_{name}" not in known and name not in known:
                raise InvalidArgumentError(f"there is no setting {name}: mien.get_settings().values lists all")
        self._values = known

    @property
    def native(self) -> _mien.NativeSettings:
        """As the library takes them."""
        return self._native

    @property
    def values(self) -> dict[str, _mien.SettingValue]:
        """Every setting by name, with where it comes from."""
        return dict(self._values)

    @property
    def warnings(self) -> list[str]:
        """What should be known about the settings, one sentence each."""
        return self._native.warnings

    def is_gpu_enabled_for_operation(self, name: str) -> bool:
        """Whether the GPU is asked for, ALL_GPU included. ValueError for an operation that does not exist."""
        return self._native.is_gpu_enabled_for_operation(name)

    def get_gpu_config(self) -> dict[str, object]:
        """The ten settings about GPUs, by their names in lower case."""
        return {name.lower(): _value(self._values[name]) for name in GPU_NAMES}

    def __getattr__(self, name: str) -> object:
        values: dict[str, _mien.SettingValue] = self.__dict__.get("_values", {})
        for key in (name.upper(), f"MIEN_{name.upper()}"):
            if key in values:
                return _value(values[key])
        raise AttributeError(f"there is no setting {name}")

    def __repr__(self) -> str:
        changed = [f"{value.name}={value.value}" for value in self._values.values() if value.source != "default"]
        return f"Settings({', '.join(changed) or 'all defaults'})"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(setting: _mien.SettingValue) -> object:
    """By what the setting may be, not by how it looks: a folder may be named 2024. `auto` and `require` stay text."""
    text = setting.value
    if setting.kind in (_mien.SettingKind.flag, _mien.SettingKind.gpu_mode) and text in ("true", "false"):
        return text == "true"
    if setting.kind == _mien.SettingKind.number:
        return int(text) if text.isdecimal() else float(text)
    return text


_lock = threading.Lock()
_settings: Settings | None = None


def get_settings() -> Settings:
    """The settings of this process, read once."""
    global _settings
    with _lock:
        if _settings is None:
            _settings = Settings()
            logs.follow(_settings.native)
        return _settings


def reload_settings() -> Settings:
    """Reads them again. What exists already (engines, services) keeps what it was made with."""
    global _settings
    with _lock:
        _settings = None
    return get_settings()
