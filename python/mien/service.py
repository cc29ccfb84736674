"""The face service of the guide: bytes in, dicts out, at once or awaited.

>>> import mien
>>> service = mien.get_face_service()
>>> faces = service.detect_and_embed(open("photos/obama.jpg", "rb").read())
>>> sorted(faces[0])[:4]
['bbox', 'det_score', 'embedding', 'enhancement_scale']

What is awaited runs on mien's own threads: at most `waiting_max` images wait there, and further calls wait for a place
without holding up the event loop.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from . import _mien, inputs, logs
from .engine import Engine, default_engine
from .errors import CancelledError, InvalidArgumentError

if TYPE_CHECKING:
    import asyncio  # at run time where it is used: it takes longer to import than all of mien

FaceDict = dict[str, Any]
WAITING_MAX = 256


def face_to_dict(face: _mien.Face) -> FaceDict:
    """A face as the guide's programs have it. Arrays are views of the library's memory."""
    return {
        "bbox": face.bbox,
        "landmarks": face.landmarks,
        "embedding": face.embedding,
        "normed_embedding": face.normed_embedding,
        "det_score": face.det_score,
        "scale": face.scale,
        "enhancement_scale": face.enhancement_scale,
        "rotation": face.rotation,
        "face_size": face.face_size,
        "quality": face.quality,
        "recognition_quality": face.recognition_quality,
    }


def faces_to_dicts(analysis: _mien.Analysis) -> list[FaceDict]:
    return [face_to_dict(face) for face in analysis.faces]


class FaceService:
    """Detects and embeds faces. Made once and shared by threads and event loops."""

    def __init__(self, engine: Engine | None = None, *, threads: int = 0, waiting_max: int = WAITING_MAX) -> None:
        self._engine = engine or default_engine()
        self._input = _mien.engine_input(self._engine.native)
        self._options = _mien.AnalyzeOptions()
        self._threads = inputs.check_count("threads", threads, 0) or self._engine.settings.native.threads
        self._waiting_max = inputs.check_count("waiting_max", waiting_max, 1)
        self._pool: _mien.Pool | None = None
        self._pool_lock = threading.Lock()
        self._places: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )
        self.last_errors: dict[int, Exception] = {}
        """Of the last batch: the error of each image that could not be read, by its place."""

    def detect_and_embed(self, image: object, *, colours: str | None = None) -> list[FaceDict]:
        """The faces of one image, by falling score. Raises mien.Error for what is no image.

        An array with colours needs `colours`: "rgb", or "bgr" as OpenCV has them.
        """
        return faces_to_dicts(self._engine.native.analyze(image, colours, self._options))

    async def detect_and_embed_async(self, image: object) -> list[FaceDict]:
        """The same, awaited; cancelling it stops the work within 100 ms."""
        return faces_to_dicts(await self.analyze_async(image))

    async def detect_and_embed_batch_async(
        self, images: Iterable[object], batch_size: int = 32
    ) -> list[list[FaceDict]]:
        """One list of faces an image, in order. An image that cannot be read gets [], and its error in last_errors.

        At most `batch_size` images, and never more than GPU_BATCH_SIZE, go to a device at once.
        """
        import asyncio

        sources = inputs.image_list(images)
        batch_size = inputs.check_count("batch_size", batch_size, 1)
        errors: dict[int, Exception] = {}

        async def one(index: int, image: object) -> list[FaceDict]:
            try:
                return faces_to_dicts(await self.analyze_async(image, batch_size=batch_size))
            except Exception as error:  # whatever it is, the others are answered; asyncio's CancelledError is none
                errors[index] = error
                return []

        tasks = [asyncio.ensure_future(one(index, image)) for index, image in enumerate(sources)]
        try:
            results = list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
        self.last_errors = dict(sorted(errors.items()))
        if self._engine.native.batch_max > 1:
            logs.logger.info("GPU batch processing completed: %d images, %d results", len(sources), len(results))
        return results

    async def analyze_async(self, image: object, *, batch_size: int = 32) -> _mien.Analysis:
        """Everything known about one image, awaited."""
        import asyncio

        batch_size = inputs.check_count("batch_size", batch_size, 1)
        loop = asyncio.get_running_loop()
        async with self._place(loop):
            # The bytes of a file are in memory only while it has a place: a batch may be larger than the memory.
            if not isinstance(image, (bytes, bytearray, memoryview)):
                # Files may lie on slow storage; pixels have no place in a batch of files.
                image = await loop.run_in_executor(None, _encoded, image)
            answer: asyncio.Future[_mien.Analysis] = loop.create_future()

            def done(analysis: _mien.Analysis | None, error: Exception | None) -> None:
                # On a thread of the pool; the loop may be gone by now.
                try:
                    loop.call_soon_threadsafe(_settle, answer, analysis, error)
                except RuntimeError:
                    pass

            size = min(batch_size, self._engine.settings.native.gpu_batch_size)
            while (job := self._open_pool().submit(image, self._options, size, done)) is None:
                await asyncio.sleep(0.005)  # other event loops have filled the pool
            try:
                return await answer
            except asyncio.CancelledError:
                job.cancel()
                raise

    def enhance_image_for_face_detection(self, image: object) -> tuple[bytes, float]:
        """Small images enlarged and sharpened, as a JPEG, and by how much; others come back untouched with 1.0."""
        return _mien.enhance_image(image, self._input)

    def crop_face_from_image(self, image: object, bbox: Sequence[float], margin: float = 0.2) -> bytes:
        """The box grown by `margin` of its size on each side, as a JPEG."""
        return _mien.crop_face(image, [float(value) for value in bbox], margin, self._input)

    def create_thumbnail(self, image: object, size: tuple[int, int] = (150, 150)) -> bytes:
        """Fits inside `size`, keeps the aspect ratio, never enlarges; a JPEG."""
        return _mien.create_thumbnail(image, size[0], size[1], self._input)

    def compute_phash(self, image: object) -> str:
        """The 64-bit DCT hash, 16 hex digits, equal to imagehash.phash."""
        return _mien.compute_phash(image, self._input)

    def close(self) -> None:
        """Ends the threads; what waits is cancelled. The next call starts them again."""
        with self._pool_lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()

    def _open_pool(self) -> _mien.Pool:
        with _services_lock:
            _services.add(self)  # before the flag is looked at: whoever sets it then finds this service
        with self._pool_lock:
            if _is_ending:
                raise CancelledError("the program ends: the image was not looked at")
            if self._pool is None:
                self._pool = _mien.Pool(self._engine.native, self._threads, self._waiting_max)
            return self._pool

    def _place(self, loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
        import asyncio

        places = self._places.get(loop)
        if places is None:
            places = self._places[loop] = asyncio.Semaphore(self._waiting_max)
        return places

    def _forget_threads(self) -> None:
        self._pool_lock = threading.Lock()
        if self._pool is not None:
            self._pool.forget()
            self._pool = None

    def __repr__(self) -> str:
        return f"FaceService({self._engine!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process has its own threads."""
        return _service_of, (self._engine, self._threads, self._waiting_max)


def _service_of(engine: Engine, threads: int, waiting_max: int) -> FaceService:
    return FaceService(engine, threads=threads, waiting_max=waiting_max)


def _encoded(image: Any) -> bytes:
    if hasattr(image, "__array_interface__"):
        if image.ndim == 1 and image.itemsize == 1:
            return bytes(image.tobytes())
        content: object = None  # pixels
    else:
        content, _ = inputs.read_image(image)
    if not isinstance(content, bytes):
        raise InvalidArgumentError(
            "an awaited call needs the bytes or the path of an image file, not an array or a PIL image"
        )
    return content


def _settle(answer: asyncio.Future[_mien.Analysis], analysis: _mien.Analysis | None, error: Exception | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    elif analysis is not None:
        answer.set_result(analysis)


_services: weakref.WeakSet[FaceService] = weakref.WeakSet()
_services_lock = threading.Lock()  # of _services alone: a set that grows must not be gone through meanwhile
_is_ending = False
_lock = threading.Lock()
_service: FaceService | None = None


def get_face_service() -> FaceService:
    """The service of this process, with the default models."""
    global _service
    with _lock:
        if _service is None:
            _service = FaceService()
        return _service


@atexit.register
def _stop_threads() -> None:
    """Threads that would need the interpreter are ended while it is there, and event loops start no others."""
    global _is_ending
    _is_ending = True
    with _services_lock:
        services = list(_services)
    for service in services:
        service.close()


def _after_fork() -> None:
    """The child has none of the parent's threads, and what they held is left alone."""
    global _lock, _services_lock
    _lock = threading.Lock()
    _services_lock = threading.Lock()
    for service in list(_services):
        service._forget_threads()
    _services.clear()


os.register_at_fork(after_in_child=_after_fork)
