"""mien.scan: an iterator over records, in order."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

import mien
from conftest import ROOT, run


def test_records_in_order(photos):
    with mien.scan([photos]) as scan:
        records = list(scan)
    assert [record.source for record in records] == sorted(record.source for record in records)
    assert scan.summary.images == len(records) == 10 and scan.summary.failed == 0
    assert all(face.embedding is None for record in records for face in record.analysis.faces)
    assert json.loads(records[0].to_json())["source"] == records[0].source
    assert "ScanSummary(images=10" in repr(scan)


def test_errors_are_records(photos, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (tmp_path / "good.jpg").write_bytes((photos / "obama.jpg").read_bytes())
    broken, good = mien.scan(tmp_path)
    assert broken.analysis is None and isinstance(broken.error, mien.Error)
    assert good.error is None and len(good.analysis.faces) == 1
    assert good.analysis.draw().size == (good.analysis.width, good.analysis.height)


def test_like_and_embeddings(photos):
    records = {record.source.rpartition("/")[2]: record
               for record in mien.scan(photos, like=photos / "obama.jpg", embeddings=True)}
    assert records["obama2.jpg"].matches[0].similarity > 0.5 and not records["biden.jpg"].matches
    assert records["biden.jpg"].analysis.faces[0].embedding.shape == (512,)


def test_out_and_wrong_calls(photos, tmp_path):
    out = tmp_path / "faces.jsonl"
    list(mien.scan(photos / "obama.jpg", out=out))
    assert "embedding" not in json.loads(out.read_text())["faces"][0]
    with pytest.raises(mien.Error):
        list(mien.scan(photos / "obama.jpg", out=out))
    with pytest.raises(FileNotFoundError):
        list(mien.scan(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="nothing to scan"):
        mien.scan([])
    with pytest.raises(TypeError):
        mien.scan(photos, no_such_option=True)


def test_left_out_resumed_and_pruned(photos, tmp_path):
    folder = tmp_path / "pics"
    folder.mkdir()
    for name in ("obama.jpg", "biden.jpg"):
        shutil.copy(photos / name, folder / name)
    (folder / "film.mp4").write_bytes(b"film")
    with mien.scan(folder, out=tmp_path / "out.jsonl", progress=False) as scan:
        assert len(list(scan)) == 2
    assert scan.summary.left_out == {"videos": 1}
    assert json.loads(scan.summary.to_json())["left_out"] == {"videos": 1}
    (folder / "biden.jpg").unlink()
    again = mien.scan(folder, out=tmp_path / "out.jsonl", resume=True, progress=False)
    assert list(again) == []
    assert (again.summary.images, again.summary.resumed, again.summary.gone, again.summary.changed) == (2, 2, 1, 0)
    pruned = mien.scan(folder, out=tmp_path / "out.jsonl", resume=True, prune=True, progress=False)
    assert list(pruned) == []
    assert (pruned.summary.images, pruned.summary.pruned) == (1, 1)
    (folder / "obama.jpg").unlink()
    with pytest.raises(mien.InvalidArgumentError, match="prune=all"):
        list(mien.scan(folder, out=tmp_path / "out.jsonl", resume=True, prune=True, progress=False))
    emptied = mien.scan(folder, out=tmp_path / "out.jsonl", resume=True, prune="all", no_skip=True, progress=False)
    assert list(emptied) == [] and emptied.summary.pruned == 1
    with pytest.raises(mien.InvalidArgumentError, match="prune='some'"):
        mien.scan(folder, out=tmp_path / "out.jsonl", resume=True, prune="some", progress=False)


def test_closing_early(photos):
    scan = mien.scan(photos)
    next(scan)
    scan.close()
    del scan


def test_pandas(photos):
    pandas = pytest.importorskip("pandas", reason="no pandas: pip install pandas")
    table = mien.scan(photos).to_pandas()
    assert isinstance(table, pandas.DataFrame) and len(table) > 20 and {"source", "x1", "det_score"} <= set(table)
    assert len(mien.analyze(photos / "obama.jpg").to_pandas()) == 1


def test_a_progress_bar(photos, capsys):
    pytest.importorskip("tqdm", reason="no tqdm: pip install tqdm")
    list(mien.scan(photos, progress=True))
    assert "image" in capsys.readouterr().err


def test_names_that_are_no_utf8(photos, tmp_path):
    odd = pathlib.Path(os.fsdecode(os.fsencode(tmp_path) + b"/ob\xffama.jpg"))
    shutil.copy(photos / "obama.jpg", odd)
    for source in (tmp_path, odd, str(odd), os.fsencode(odd)):
        record, = mien.scan(source, like=odd, out=f"{odd}.jsonl", force=True)
        assert record.source == str(odd) and record.matches and len(record.analysis.faces) == 1
        assert "\\udcff" in repr(record)
    assert pathlib.Path(f"{odd}.jsonl").is_file()
    with pytest.raises(mien.NotFoundError, match="gone"):
        list(mien.scan(os.fsencode(odd) + b"gone"))


def test_models_whose_names_are_no_utf8(photos, tmp_path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/m\xff.onnx")
    shutil.copy(photos.parent / "models" / "centerface.onnx", odd)
    engine = mien.Engine(detector=odd, load_embedder=False)
    assert engine.detector.path == odd


INTERRUPTED = """
import os, signal, threading, time
import mien
scan = mien.scan("hang", progress=False)
threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT)).start()
begin = time.monotonic()
try:
    next(scan)
except KeyboardInterrupt:
    scan.close()
    print("interrupted", time.monotonic() - begin < 5)
"""


def test_ctrl_c_while_storage_hangs(photos, tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path / "slow_storage.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, ROOT / "tests" / "cli" / "slow_storage.c",
                    "-ldl"], check=True)
    (tmp_path / "hang").mkdir()
    shutil.copy(photos / "obama.jpg", tmp_path / "hang" / "hang.jpg")
    done = run(f"import os; os.chdir({str(tmp_path)!r})\n{INTERRUPTED}", timeout=30, LD_PRELOAD=str(library))
    assert done.stdout == "interrupted True\n", done.stderr
