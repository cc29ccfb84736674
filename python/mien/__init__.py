"""mien finds, measures and recognises faces in images, on whatever processor the machine has.

    import mien
    for face in mien.analyze("photo.jpg").faces:
        print(face.bbox, face.det_score)

docs/python.md tells the whole; mien.insightface stands in for InsightFace.
"""

from __future__ import annotations

from ._mien import (
    AnalyzeOptions,
    Analysis,
    BackendInfo,
    Face,
    FindResult,
    ForgottenPerson,
    FoundFace,
    FoundPhoto,
    GPUDevice,
    ImportSummary,
    Match,
    ModelInfo,
    Operation,
    PeopleChange,
    PeopleStatistics,
    Person,
    PersonFace,
    Placement,
    PoseAngles,
    Quality,
    Record,
    ScanProgress,
    ScanSummary,
    SettingValue,
    Statement,
    StoredFace,
    StoredImage,
    StoredPlace,
    StoreStatistics,
    Suggestion,
    compare_faces,
    judge_faces,
    library_version,
)
from .devices import GPUBackend, GPUManager, get_gpu_manager
from .engine import Comparison, Engine, analyze, compare
from .errors import (
    BadDataError,
    CancelledError,
    Error,
    FileError,
    InternalError,
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    UnavailableError,
    UnsupportedError,
)
from .quality import QualityChecker, QualityMetrics
from .scanning import Scan, scan
from .service import FaceService, get_face_service
from .settings import Settings, get_settings, reload_settings
from .store import FaceBlock, Store, VectorBlock

__version__ = library_version()

__all__ = [
    "Analysis", "AnalyzeOptions", "BackendInfo", "BadDataError", "CancelledError", "Engine", "Error", "Face",
    "FaceBlock", "FaceService", "FileError", "FindResult", "ForgottenPerson", "FoundFace", "FoundPhoto",
    "GPUBackend", "GPUDevice", "GPUManager", "ImportSummary", "InternalError", "InvalidArgumentError",
    "LimitExceededError", "Match", "ModelInfo", "NotFoundError", "Operation", "PeopleChange", "PeopleStatistics",
    "Person", "PersonFace", "Placement", "PoseAngles", "Quality", "QualityChecker", "QualityMetrics", "Record",
    "Scan", "ScanProgress", "ScanSummary", "Settings", "SettingValue", "Statement", "Store", "StoredFace",
    "StoredImage", "StoredPlace", "StoreStatistics", "Suggestion", "UnavailableError", "UnsupportedError",
    "VectorBlock", "analyze", "compare", "compare_faces", "get_face_service", "get_gpu_manager", "get_settings",
    "reload_settings", "scan",
]
