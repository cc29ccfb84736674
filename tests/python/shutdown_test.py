"""The interpreter ends with work under way: it neither hangs nor crashes."""

import pytest

from conftest import run

ENDS = {
    "awaited": "asyncio.run_coroutine_threadsafe(service.detect_and_embed_batch_async([data] * 30), loop)",
    "called": "[threading.Thread(target=service.detect_and_embed, args=(data,), daemon=True).start() for _ in 'ab']",
    "scanned": "scan = mien.scan(['photos'] ); next(scan)",
    "scanned, kept in a cycle": "scan = mien.scan(['photos']); next(scan); a = [scan]; a.append(a)",
}


@pytest.mark.parametrize("work", ENDS, ids=str)
@pytest.mark.parametrize("end", ["", "sys.exit(0)", "raise SystemExit(0)"])
def test_the_interpreter_ends_with_work_under_way(photos, work, end):
    done = run(f"""
import asyncio, sys, threading, time
import mien
service = mien.get_face_service()
data = open("photos/solvay_conference_1927.jpg", "rb").read()
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
{ENDS[work]}
time.sleep(0.05)
print("end", flush=True)
{end}
""", timeout=60)
    assert done.returncode == 0 and done.stdout == "end\n", (done.returncode, done.stderr)
    assert "terminate" not in done.stderr and "leaked" not in done.stderr, done.stderr


# What is registered before mien is imported is called after mien's own.
WAITING = """
import asyncio, atexit, threading, time

@atexit.register
def last():
    results = batch.result(30)
    print(len(results), service._pool, {type(error).__name__ for error in service.last_errors.values()})

import mien
service = mien.FaceService(threads=1, waiting_max=4)
data = open("photos/solvay_conference_1927.jpg", "rb").read()
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
batch = asyncio.run_coroutine_threadsafe(service.detect_and_embed_batch_async([data] * 40), loop)
while service._pool is None:
    time.sleep(0.001)
"""


def test_what_waits_in_an_event_loop_starts_no_threads_at_the_end(photos):
    """They would be in the library while the interpreter goes, and end the process with a signal."""
    done = run(WAITING, timeout=90)
    assert done.returncode == 0 and done.stdout == "40 None {'CancelledError'}\n", (done, done.stderr)
