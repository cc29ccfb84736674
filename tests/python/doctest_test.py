"""The examples in the package's own documentation, and those of docs/python.md, do what they show."""

import doctest
import importlib
import pathlib
import pkgutil

import pytest

import mien
from conftest import ROOT

MODULES = [name for _, name, _ in pkgutil.iter_modules(mien.__path__, "mien.")
           if not name.startswith(("mien._mien", "mien.insightface", "mien.bench"))]


@pytest.mark.parametrize("name", MODULES)
def test_module(name, photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    done = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert done.failed == 0


def test_document(photos, monkeypatch):
    pytest.importorskip("PIL", reason="no Pillow: install python3-pil")
    monkeypatch.chdir(photos.parent)
    path = pathlib.Path(ROOT / "docs" / "python.md")
    done = doctest.testfile(str(path), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert done.attempted > 10 and done.failed == 0
