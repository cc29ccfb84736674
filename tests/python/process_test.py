"""Threads, forks, memory, and the start of the interpreter."""

import sys
import threading

import pytest

import mien
from conftest import picture, run
from growth import grown


def test_eight_threads(photos):
    small = mien.get_face_service().create_thumbnail(photos / "obama.jpg", (160, 160))
    expected = mien.analyze(small).faces[0].embedding.tobytes()
    wrong = []

    def work():
        for _ in range(3):
            if mien.analyze(small).faces[0].embedding.tobytes() != expected:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_opening_an_engine_holds_up_no_others(tiny, monkeypatch):
    """Not even the default one: mien.analyze goes on while another engine is opened."""
    from mien import engine

    quick = mien.Engine(**tiny)
    monkeypatch.setattr(engine, "Engine", lambda: quick)
    monkeypatch.setattr(engine, "_default", engine.EngineCache(1))
    opens, may_end, made = threading.Event(), threading.Event(), []

    def slow():
        opens.set()
        made.append(may_end.wait(60))
        return object()

    threads = [threading.Thread(target=lambda: made.append(engine.shared_engine("slow", slow))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert opens.wait(60)
    other = threading.Thread(target=lambda: made.append(len(mien.analyze(picture(2)))), daemon=True)
    other.start()
    other.join(20)
    seen = list(made)
    may_end.set()
    for thread in threads:
        thread.join()
    assert seen == [2]
    assert made[1] is True and len(made) == 4 and made[2] is made[3], "two that ask for the same wait for one"


def test_engines_are_kept_up_to_a_number():
    from mien.engine import EngineCache

    cache, made = EngineCache(2), []

    def get(key):
        return cache.get(key, lambda: made.append(key) or key)

    def fail():
        raise mien.UnavailableError("no GPU")

    assert [get(key) for key in "abacab"] == list("abacab") and made == list("abcb") and len(cache) == 2
    with pytest.raises(mien.UnavailableError):
        cache.get("d", fail)
    assert len(cache) == 1 and get("d") == "d" and len(cache) == 2


POOL = """
import multiprocessing, sys
import mien

def count(path):
    import asyncio
    service = mien.get_face_service()
    data = open(path, "rb").read()
    return len(service.detect_and_embed(path)) + len(asyncio.run(service.detect_and_embed_async(data)))

if __name__ == "__main__":
    if {before}:
        assert count("photos/obama.jpg") == 2
        import asyncio
        data = open("photos/solvay_conference_1927.jpg", "rb").read()
        {busy}
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        print(pool.map(count, ["photos/obama.jpg", "photos/coffee.png", "photos/biden.jpg"]))
"""
BUSY = """import threading
        def keep_busy():
            asyncio.run(mien.get_face_service().detect_and_embed_batch_async([data] * 6))
        threading.Thread(target=keep_busy, daemon=True).start()"""


@pytest.mark.parametrize("method, before, busy", [
    ("fork", False, "pass"), ("fork", True, "pass"), ("fork", True, BUSY), ("spawn", True, "pass"),
])
def test_worker_processes(tmp_path, photos, method, before, busy):
    program = tmp_path / "program.py"
    program.write_text(POOL.format(method=method, before=before, busy=busy))
    done = run(f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')" if method == "fork" else
               f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, {str(program)!r}]))")
    assert done.returncode == 0 and "[2, 0, 2]" in done.stdout, done.stderr


HELD = """
import asyncio, os, pathlib, sys
import mien
detector = pathlib.Path(sys.argv[1])
data = open("photos/obama.jpg", "rb").read()
engine = mien.Engine(detector=detector)
service = mien.FaceService(engine)
assert len(engine.analyze(data)) == len(asyncio.run(service.detect_and_embed_async(data))) == 1
scan = mien.scan("photos")
next(scan)
if os.fork() == 0:
    try:
        next(scan)
    except mien.InvalidArgumentError:
        scan.close()
    # Opened anew, not those of the parent: without the file that cannot be done.
    detector.rename(detector.with_suffix(".gone"))
    try:
        engine.analyze(data)
        raise SystemExit("the engine of the parent was used")
    except mien.NotFoundError:
        detector.with_suffix(".gone").rename(detector)
    assert len(engine.analyze(data)) == len(asyncio.run(service.detect_and_embed_async(data))) == 1
    assert service.create_thumbnail(data)
    service.close()
    raise SystemExit(7)
_, status = os.wait()
print(os.waitstatus_to_exitcode(status), len(list(scan)))
"""


def test_what_a_program_holds_across_a_fork(tmp_path, photos):
    detector = tmp_path / "detector.onnx"
    detector.write_bytes((photos.parent / "models" / "centerface.onnx").read_bytes())
    done = run(f"import sys; sys.argv[1:] = [{str(detector)!r}]\n{HELD}", timeout=60)
    assert done.stdout == "7 9\n", done.stderr


OWN_THREAD = """
import threading
import mien
from mien import _mien
ended = threading.Event()

class Last:
    def __del__(self):
        ended.set()

def hand_in(how):
    pool = _mien.Pool(mien.Engine().native, 1, 4)
    last = Last()
    def done(analysis, error):
        assert analysis is not None
        {how}
        last
    pool.submit(open("photos/obama.jpg", "rb").read(), _mien.AnalyzeOptions(), 1, done)

hand_in()
assert ended.wait(30)
print("end")
"""


@pytest.mark.parametrize("how", ["pool", "pool.stop()"])
def test_a_pool_that_ends_on_a_thread_of_its_own(photos, how):
    """The last one that knows the pool is what its own thread calls."""
    done = run(OWN_THREAD.replace("{how}", how).replace("hand_in(how)", "hand_in()"), timeout=60)
    assert done.returncode == 0 and done.stdout == "end\n", (done.returncode, done.stderr)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow(tiny):
    # 2,500 calls that each left the embeddings of five faces behind would leave 3 MB.
    assert grown(tiny, 2500) < 2.5


def test_importing_brings_nothing_large():
    done = run("import sys, time; t = time.perf_counter(); import mien; t = time.perf_counter() - t; "
               "print([name for name in ('numpy', 'PIL', 'pandas', 'tqdm', 'asyncio') if name in sys.modules], t)")
    names, _, seconds = done.stdout.rpartition(" ")
    assert names == "[]", done.stderr
    print("import mien:", seconds, "s")
