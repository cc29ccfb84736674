"""The interface of insightface 2.1, run by mien.

    from mien.insightface.app import FaceAnalysis    # in the place of: from insightface.app import FaceAnalysis

A program that shall stay as it is runs under the switch:

    python -m mien.insightface program.py ...        # or: python -m mien.insightface -m package ...

docs/python.md lists what is there and what is not.
"""

from __future__ import annotations

from . import app, model_zoo, utils
from .model_zoo import get_model
from .switch import install

__version__ = "2.1"
__all__ = ["app", "get_model", "install", "model_zoo", "utils"]
