"""The engine behind a pack's models: opened when it is needed, one for each way in which it is asked for."""

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
    _settings: dict[int, Any] = field(default_factory=dict, repr=False)

    def engine(self, sizes: Sequence[tuple[int, int]] = DEFAULT_SIZES, threshold: float = 0.5) -> Engine:
        settings = self._settings.get(self.ctx_id)
        if settings is None:
            settings = self._settings[self.ctx_id] = settings_for(self.providers, self.provider_options, self.ctx_id)
        key = (self.detector, self.embedder, tuple(sizes), threshold, repr(settings))
        try:
            return shared_engine(key, lambda: Engine(
                detector=self.detector,
                embedder=self.embedder or "",
                load_embedder=self.embedder is not None,
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
