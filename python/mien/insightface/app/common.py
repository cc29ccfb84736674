"""Face, a dict whose keys are attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Face(dict[str, Any]):
    """What is known of a face. An attribute that is not there is None: `age` and `gender` always are."""

    def __init__(self, d: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__()
        for name, value in {**(d or {}), **kwargs}.items():
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, _as_face(value))

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __getattr__(self, name: str) -> Any:
        # Not of names that Python itself asks for, such as __deepcopy__.
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)

    def __delattr__(self, name: str) -> None:
        self.pop(name, None)

    @property
    def embedding_norm(self) -> Any:
        import numpy

        return None if self.embedding is None else numpy.linalg.norm(self.embedding)

    @property
    def normed_embedding(self) -> Any:
        return None if self.embedding is None else self.embedding / self.embedding_norm

    @property
    def sex(self) -> str | None:
        return None if self.gender is None else ("M" if self.gender == 1 else "F")


def _as_face(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_as_face(one) if isinstance(one, dict) else one for one in value]
    if isinstance(value, dict) and not isinstance(value, Face):
        return Face(value)
    return value
