"""The engine behind a pack's models: opened when it is needed, one for each way in which it is asked for.

A model set keeps its own; of the others the last few are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...engine import Engine, shared_engine
from ...errors import UnavailableError
from ..providers import settings_for

DEFAULT_SIZES = ((128, 128), (640, 640))


@dataclass
class ModelSet:
    """A detector and an embedder by path or name, empty for the default, and where they run."""

    detector: str = ""
    embedder: str | None = None  # None: without one
    providers: Sequence[Any] | None = None
    provider_options: Sequence[Mapping[str, Any]] | None = None
    ctx_id: int = 0
    sizes: tuple[tuple[int, int], ...] = DEFAULT_SIZES  # (width, height) in pixels that faces are looked for at
    threshold: float = 0.5  # of scores, 0..1
    _settings: dict[int, Any] = field(default_factory=dict, repr=False)
    _own: tuple[object, Engine] | None = field(default=None, repr=False)  # kept with what it was opened for

    def engine(self) -> Engine:
        """Detects with these sizes and this threshold, and embeds where there is an embedder."""
        key = (self.detector, self.embedder, self.sizes, self.threshold, self.ctx_id)
        own = self._own
        if own is None or own[0] != key:
            own = self._own = (key, self._open(self.sizes, self.threshold, self.embedder))
        return own[1]

    def detecting_engine(self, sizes: Sequence[tuple[int, int]], threshold: float) -> Engine:
        """Detects with others, and loads no embedder for it unless they are the set's own."""
        is_own = tuple(sizes) == self.sizes and threshold == self.threshold
        return self.engine() if is_own else self._open(sizes, threshold, None)

    def _open(self, sizes: Sequence[tuple[int, int]], threshold: float, embedder: str | None) -> Engine:
        settings = self._settings.get(self.ctx_id)
        if settings is None:
            settings = self._settings[self.ctx_id] = settings_for(self.providers, self.provider_options, self.ctx_id)
        key = (self.detector, embedder, tuple(sizes), threshold, repr(settings))
        try:
            return shared_engine(key, lambda: Engine(
                detector=self.detector,
                embedder=embedder or "",
                load_embedder=embedder is not None,
                precision="exact",
                det_threshold=threshold,
                exact_sizes=sizes,
                settings=settings,
            ))
        except UnavailableError as error:
            if not self.providers:
                raise
            raise UnavailableError(
                f"providers={list(self.providers)} leaves no CPU to take over: add 'CPUExecutionProvider' ({error})"
            ) from None
