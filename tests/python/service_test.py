"""What is awaited: order, errors, cancelling, bounds, and an event loop that goes on."""

import asyncio
import time

import numpy
import pytest

import mien


@pytest.fixture(scope="module")
def service():
    made = mien.FaceService()
    yield made
    made.close()


@pytest.fixture
def small(photos):
    """A photo that takes a few milliseconds."""
    return mien.get_face_service().create_thumbnail(photos / "obama.jpg", size=(160, 160))


def same(a, b):
    return len(a) == len(b) and all(
        (x["bbox"] == y["bbox"]).all() and numpy.abs(x["embedding"] - y["embedding"]).max() < 1e-3
        for x, y in zip(a, b))


def test_awaited_is_as_called(service, obama):
    assert same(asyncio.run(service.detect_and_embed_async(obama)), service.detect_and_embed(obama))
    assert same(asyncio.run(service.detect_and_embed_async(bytearray(obama))), service.detect_and_embed(obama))


def test_a_batch_keeps_its_order(service, photos, small):
    names = ("obama.jpg", "coffee.png", "astronaut.png")
    expected = {name: service.detect_and_embed(photos / name) for name in names}
    images = []
    for index in range(60):
        images.append(b"broken" if index % 6 == 5 else photos / names[index % 3])
    results = asyncio.run(service.detect_and_embed_batch_async(images, batch_size=8))
    assert len(results) == 60 and sorted(service.last_errors) == list(range(5, 60, 6))
    assert all(isinstance(error, mien.BadDataError) for error in service.last_errors.values())
    for index, faces in enumerate(results):
        assert faces == [] if index % 6 == 5 else same(faces, expected[names[index % 3]])
    asyncio.run(service.detect_and_embed_batch_async([small]))
    assert service.last_errors == {}
    assert asyncio.run(service.detect_and_embed_batch_async([])) == []
    with pytest.raises(ValueError, match="list"):
        asyncio.run(service.detect_and_embed_batch_async(small))


async def ticks(pauses):
    """How late a loop is that wants to wake up every millisecond."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        pauses.append(time.perf_counter() - before - 0.001)


def test_the_loop_goes_on(service, small):
    """A thousand at once: all are answered, few wait inside, and the loop is never held up for long."""
    async def go():
        pauses, most = [], 0
        ticking = asyncio.ensure_future(ticks(pauses))
        jobs = [asyncio.ensure_future(service.detect_and_embed_async(small)) for _ in range(1000)]
        while not all(job.done() for job in jobs):
            await asyncio.sleep(0.01)
            most = max(most, service._open_pool().waiting)
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


def test_two_loops_share_the_threads(service, small):
    import threading

    found = []

    def one():
        found.append(len(asyncio.run(service.detect_and_embed_batch_async([small] * 50))))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [50] * 4


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
