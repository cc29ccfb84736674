"""Of insightface.model_zoo: get_model, and the two kinds of model that it gives."""

from __future__ import annotations

from .arcface_onnx import ArcFaceONNX
from .model_zoo import get_model
from .scrfd import SCRFD

__all__ = ["ArcFaceONNX", "SCRFD", "get_model"]
