"""What is awaited: order, errors, cancelling, bounds, and an event loop that goes on."""

import asyncio
import io
import time

import numpy
import pytest

import mien
from conftest import picture


@pytest.fixture(scope="module")
def service():
    made = mien.FaceService()
    yield made
    made.close()


@pytest.fixture(scope="module")
def quick(tiny):
    """A service that needs a millisecond for a picture()."""
    made = mien.FaceService(mien.Engine(**tiny))
    yield made
    made.close()


def same(a, b):
    return len(a) == len(b) and all(
        (x["bbox"] == y["bbox"]).all() and numpy.abs(x["embedding"] - y["embedding"]).max() < 1e-3
        for x, y in zip(a, b))


def test_awaited_is_as_called(service, obama):
    assert same(asyncio.run(service.detect_and_embed_async(obama)), service.detect_and_embed(obama))
    assert same(asyncio.run(service.detect_and_embed_async(bytearray(obama))), service.detect_and_embed(obama))


def test_a_batch_keeps_its_order(quick, tmp_path):
    pictures = [picture(count) for count in range(1, 4)]
    expected = [quick.detect_and_embed(one) for one in pictures]
    assert [len(faces) for faces in expected] == [1, 2, 3]
    (tmp_path / "two.png").write_bytes(pictures[1])
    pictures[1] = tmp_path / "two.png"
    images = [b"broken" if index % 6 == 5 else pictures[index % 3] for index in range(60)]
    results = asyncio.run(quick.detect_and_embed_batch_async(images, batch_size=8))
    assert len(results) == 60 and sorted(quick.last_errors) == list(range(5, 60, 6))
    assert all(isinstance(error, mien.BadDataError) for error in quick.last_errors.values())
    for index, faces in enumerate(results):
        assert faces == [] if index % 6 == 5 else same(faces, expected[index % 3])
    asyncio.run(quick.detect_and_embed_batch_async([picture(1)]))
    assert quick.last_errors == {}
    assert asyncio.run(quick.detect_and_embed_batch_async([])) == []
    with pytest.raises(ValueError, match="list"):
        asyncio.run(quick.detect_and_embed_batch_async(picture(1)))


class Opened:
    """An open file that counts how often it is read, and may fail in its own way."""

    def __init__(self, content, reads, error=None):
        self.content, self.reads, self.error = content, reads, error

    def read(self, size):
        self.reads.append(size)
        if self.error is not None:
            raise self.error
        return self.content


def test_one_odd_image_takes_no_other_with_it(quick):
    closed = io.BytesIO(picture(1))
    closed.close()
    failing = [Opened(b"", [], error) for error in (RuntimeError("of its own"), OSError(5, "broken"))]
    odd = ["a\0b.jpg", closed, *failing, object(), None, "nowhere.jpg"]
    images = [picture(1), *odd, picture(2)]
    results = asyncio.run(quick.detect_and_embed_batch_async(images))
    assert [len(faces) for faces in results] == [1, *[0] * len(odd), 2]
    errors = quick.last_errors
    assert sorted(errors) == list(range(1, len(odd) + 1))
    kinds = [mien.InvalidArgumentError, mien.InvalidArgumentError, RuntimeError, mien.FileError,
             mien.InvalidArgumentError, mien.InvalidArgumentError, mien.NotFoundError]
    assert [type(errors[index]) for index in sorted(errors)] == kinds


class Holding:
    """Stands in for the pool: takes images and answers when it is told to."""

    def __init__(self):
        self.waiting = []

    def submit(self, image, options, size, done):
        self.waiting.append(done)
        return self

    def cancel(self):
        pass


def test_files_are_read_when_there_is_a_place(tiny, monkeypatch):
    """A batch of files may be larger than the memory."""
    service, pool, reads = mien.FaceService(mien.Engine(**tiny), waiting_max=4), Holding(), []
    monkeypatch.setattr(service, "_open_pool", lambda: pool)

    async def go():
        loop = asyncio.get_running_loop()
        batch = asyncio.ensure_future(
            service.detect_and_embed_batch_async([Opened(b"content", reads) for _ in range(60)]))
        for answered in range(60):
            while len(pool.waiting) < min(4, 60 - answered):
                await asyncio.sleep(0)
            # The threads that read take their work in order: what was to be read before these has begun.
            await asyncio.gather(*(loop.run_in_executor(None, int) for _ in range(60)))
            assert len(reads) == min(60, answered + 4)
            pool.waiting.pop(0)(None, mien.BadDataError("answered"))
        return await batch

    assert asyncio.run(go()) == [[]] * 60 and len(service.last_errors) == 60


async def ticks(pauses):
    """How late a loop is that wants to wake up every millisecond."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        pauses.append(time.perf_counter() - before - 0.001)


def test_the_loop_goes_on(quick):
    """A thousand at once: all are answered, few wait inside, and the loop is never held up for long."""
    image = picture(1)

    async def go():
        pauses, most = [], 0
        ticking = asyncio.ensure_future(ticks(pauses))
        jobs = [asyncio.ensure_future(quick.detect_and_embed_async(image)) for _ in range(1000)]
        while not all(job.done() for job in jobs):
            await asyncio.sleep(0.01)
            most = max(most, quick._open_pool().waiting)
        ticking.cancel()
        return [len(job.result()) for job in jobs], pauses, most

    counts, pauses, most = asyncio.run(go())
    assert len(counts) == 1000 and set(counts) == {1}
    assert 0 < most <= 256
    print("median pause of the loop:", numpy.median(pauses), "s")  # figures: docs/python.md
    assert len(pauses) > 10, "the loop went on meanwhile"


def test_cancelling(service, photos):
    big = (photos / "solvay_conference_1927.jpg").read_bytes()

    async def go():
        jobs = [asyncio.ensure_future(service.detect_and_embed_async(big)) for _ in range(40)]
        await asyncio.sleep(0.05)
        for job in jobs:
            job.cancel()
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert sum(isinstance(result, asyncio.CancelledError) for result in results) >= 30
        answer = await service.detect_and_embed_async(big)
        return len(answer)

    assert asyncio.run(go()) > 20


def test_a_timeout_and_a_closed_loop(service, photos):
    big = (photos / "solvay_conference_1927.jpg").read_bytes()

    async def impatient():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(service.detect_and_embed_async(big), 0.01)

    asyncio.run(impatient())
    loop = asyncio.new_event_loop()
    task = loop.create_task(service.detect_and_embed_async(big))
    loop.run_until_complete(asyncio.sleep(0.02))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    assert len(asyncio.run(service.detect_and_embed_async(big))) > 20


def test_two_loops_share_the_threads(quick):
    import threading

    found = []

    def one():
        found.append(len(asyncio.run(quick.detect_and_embed_batch_async([picture(2)] * 50))))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [50] * 4 and quick.last_errors == {}


def test_closing_cancels_and_opens_again(service, photos):
    big = (photos / "solvay_conference_1927.jpg").read_bytes()

    async def go():
        jobs = [asyncio.ensure_future(service.detect_and_embed_async(big)) for _ in range(10)]
        await asyncio.sleep(0.02)
        await asyncio.get_running_loop().run_in_executor(None, service.close)
        return await asyncio.gather(*jobs, return_exceptions=True)

    results = asyncio.run(go())
    assert any(isinstance(result, mien.CancelledError) for result in results)
    assert len(service.detect_and_embed(big)) > 20
