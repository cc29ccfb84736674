"""ONNX Runtime of another distribution: found when it is asked for, and two in one folder are told."""

import base64
import hashlib
import sys
import warnings

import pytest

import mien
from mien.runtimes import check_onnxruntime, find_onnxruntime

LIBRARY = "onnxruntime/capi/libonnxruntime.so.1.31.1"


def record_line(path, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}\n"


def install(site, name, content, path=LIBRARY):
    """As pip does: files over those that are there, and a RECORD that lists them."""
    information = site / f"{name.replace('-', '_')}-1.31.1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.31.1\n")
    (information / "RECORD").write_text(record_line(path, content) + f"{information.name}/METADATA,,\n")
    (site / path).parent.mkdir(parents=True, exist_ok=True)
    (site / path).write_bytes(content)


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), str(tmp_path / "other")])
    return tmp_path / "site"


def test_one_is_found_without_a_word(site):
    with pytest.raises(mien.NotFoundError, match="pip install onnxruntime"):
        find_onnxruntime()
    install(site, "onnxruntime", b"cpu")
    install(site, "onnxruntime-extensions", b"other", "onnxruntime_extensions/lib.so")
    install(site.parent / "other", "onnxruntime-gpu", b"gpu")  # in another folder: neither touched the other
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_onnxruntime() == str(site / LIBRARY)
        check_onnxruntime(find_onnxruntime())
        check_onnxruntime("/nowhere/libonnxruntime.so")


def test_two_in_one_folder_are_told(site):
    install(site, "onnxruntime", b"cpu")
    install(site, "onnxruntime-gpu", b"gpu")
    with pytest.warns(RuntimeWarning, match="onnxruntime 1.31.1 and onnxruntime-gpu 1.31.1 have overwritten each other"
                                            ".*: onnxruntime 1.31.1 is not whole any more.*pip uninstall onnxruntime "
                                            "onnxruntime-gpu"):
        assert find_onnxruntime() == str(site / LIBRARY)
    settings = mien.Settings({"MIEN_ORT_LIBRARY": str(site / LIBRARY)})
    with pytest.warns(RuntimeWarning, match="overwritten each other"), pytest.raises(mien.Error):
        mien.Engine(settings=settings)  # and a library of three bytes cannot be opened
