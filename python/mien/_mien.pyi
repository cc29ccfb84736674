# The types of the module: written by python/stub.py.
"""The library behind the package mien."""

from collections.abc import Callable, Iterator, Sequence
import enum

import PIL.Image
import numpy
import numpy.typing
import pandas


def library_version() -> str: ...

def set_log_level(name: str) -> None:
    """Lines of this level and above go to Python's logging."""

class SettingKind(enum.Enum):
    """How a setting's value is to be read."""

    flag = 0

    gpu_mode = 1

    number = 2

    choice = 3

    path = 4

    text = 5

class SettingValue:
    """A setting as it stands, and where its value comes from."""

    @property
    def name(self) -> str: ...

    @property
    def value(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def help(self) -> str: ...

    @property
    def allowed(self) -> str: ...

    @property
    def kind(self) -> SettingKind: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class NativeSettings:
    """What the library was told; mien.Settings shows it."""

    @property
    def all_gpu(self) -> bool: ...

    @property
    def gpu_backend(self) -> str: ...

    @property
    def gpu_device_id(self) -> int: ...

    @property
    def gpu_memory_limit_gb(self) -> float: ...

    @property
    def gpu_batch_size(self) -> int: ...

    @property
    def threads(self) -> int: ...

    @property
    def log_level(self) -> str: ...

    @property
    def model_dir(self) -> str: ...

    @property
    def allow_software_gpu(self) -> bool: ...

    @property
    def values(self) -> list[SettingValue]: ...

    @property
    def warnings(self) -> list[str]: ...

    def is_gpu_enabled_for_operation(self, name: str) -> bool: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

def load_settings(overrides: Sequence[tuple[str, str, str]]) -> NativeSettings:
    """
    Reads the settings; overrides are (name, value, who asked) and win over everything.
    """

def operation_names() -> list[str]: ...

class GPUDevice:
    """A processor or GPU as its driver describes it."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def backend(self) -> str: ...

    @property
    def memory_total(self) -> int:
        """MB of 2^20 bytes."""

    @property
    def memory_free(self) -> int: ...

    @property
    def memory_used(self) -> int: ...

    @property
    def is_software(self) -> bool: ...

    @property
    def driver(self) -> str: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class BackendInfo:
    """A backend, whether it can be used, and its devices."""

    @property
    def name(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def usable(self) -> bool:
        """Its library is here, and a device that it may use."""

    @property
    def devices(self) -> list[GPUDevice]: ...

    @property
    def chosen(self) -> GPUDevice | None:
        """The GPU that the settings mean, where it is this backend's."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

def list_backends(settings: NativeSettings) -> list[BackendInfo]: ...

def backend_names() -> list[str]:
    """The CPU is the last."""

def backend_providers(backend: str) -> list[str]:
    """
    ONNX Runtime's providers by which programs ask for it, in that runtime's order.
    """

class ModelInfo:
    """A model: which one, from where, under which licence."""

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def licence(self) -> str: ...

    @property
    def role(self) -> str: ...

    @property
    def id(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def threshold_verify(self) -> float | None: ...

    @property
    def threshold_search(self) -> float | None: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class ProbedModel:
    """What an ONNX file is."""

    @property
    def role(self) -> str: ...

    @property
    def decoder(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

def probe_model(settings: NativeSettings, path: str) -> ProbedModel:
    """Opens an ONNX file and says what it is."""

class PoseAngles:
    """Degrees, from five landmarks: an estimate, good to about ten degrees."""

    @property
    def yaw(self) -> float:
        """Positive when the face turns to the viewer's right."""

    @property
    def pitch(self) -> float:
        """Positive when it looks up."""

    @property
    def roll(self) -> float:
        """Positive when the head leans clockwise."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class Quality:
    """How good a picture of a face, or a whole picture, is."""

    @property
    def blur_score(self) -> float:
        """Variance of the Laplacian: larger is sharper."""

    @property
    def brightness(self) -> float:
        """Mean of the gray image, 0..255."""

    @property
    def contrast(self) -> float:
        """Standard deviation of the gray image."""

    @property
    def sharpness(self) -> float:
        """Mean length of the Sobel gradient."""

    @property
    def overall_score(self) -> float:
        """0..1, larger is better."""

    @property
    def occlusion_score(self) -> float | None:
        """None: not measured."""

    @property
    def pose_angles(self) -> PoseAngles | None:
        """None without landmarks."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class Face:
    """A face, in pixels of the upright image."""

    @property
    def bbox(self) -> numpy.typing.NDArray[numpy.float32]:
        """x1, y1, x2, y2."""

    @property
    def landmarks(self) -> numpy.typing.NDArray[numpy.float32] | None:
        """
        5x2: left eye, right eye, nose tip, corners of the mouth, as the viewer sees them.
        """

    @property
    def det_score(self) -> float:
        """0..1."""

    @property
    def scale(self) -> float:
        """Detector-input pixels per original pixel."""

    @property
    def enhancement_scale(self) -> float:
        """Upscale before detection, 1 if none."""

    @property
    def rotation(self) -> int:
        """0, 90, 180 or 270: degrees clockwise that the face is turned."""

    @property
    def embedding(self) -> numpy.typing.NDArray[numpy.float32] | None:
        """As the model gives it; None when it was not asked for."""

    @property
    def normed_embedding(self) -> numpy.typing.NDArray[numpy.float32] | None:
        """The embedding with length 1."""

    @property
    def face_size(self) -> tuple[float, float]:
        """Width and height of the box."""

    @property
    def quality(self) -> Quality | None: ...

    @property
    def recognition_quality(self) -> float | None:
        """
        How far the face can be recognised, 0..1, larger is better: below 0.5 it is too poor to be told from other poor faces. None without landmarks.
        """

    @property
    def poor_reason(self) -> str | None:
        """
        "too_small", "too_blurred", "too_dark" or "low_contrast" below 0.5; None above.
        """

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class Placement:
    """Where one operation ran, and why not where it was asked to."""

    @property
    def operation(self) -> str: ...

    @property
    def requested(self) -> str: ...

    @property
    def ran(self) -> str: ...

    @property
    def runtime(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def reason(self) -> str | None: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class Analysis:
    """What is known about an image."""

    @property
    def format(self) -> str: ...

    @property
    def width(self) -> int:
        """Of the upright image."""

    @property
    def height(self) -> int: ...

    @property
    def detail(self) -> str:
        """How closely it was looked at: "auto", "off" or "full"."""

    @property
    def phash(self) -> str:
        """16 hex digits; empty when not asked for."""

    @property
    def taken(self) -> str:
        """
        When the photo was taken, as it says, in ISO 8601; empty: it does not say.
        """

    @property
    def faces(self) -> list[Face]:
        """By falling det_score."""

    @property
    def quality(self) -> Quality | None:
        """Of the whole image, when asked for."""

    @property
    def detector(self) -> str: ...

    @property
    def embedder(self) -> str: ...

    @property
    def placement(self) -> list[Placement]: ...

    @property
    def timings_ms(self) -> dict[str, float]: ...

    @property
    def warnings(self) -> list[str]: ...

    def draw(self, image: object = None, colours: str | None = None) -> PIL.Image.Image:
        """
        The picture with boxes and landmarks, as a PIL image, which notebooks show. `image` is needed when the
        analysis no longer knows what it was made from.
        """

    def to_pandas(self) -> pandas.DataFrame:
        """A row a face."""

    def __len__(self) -> int: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

    def __copy__(self) -> Analysis: ...

    def __deepcopy__(self, memo: object) -> Analysis: ...

def compare_faces(a: Analysis, face_a: int, b: Analysis, face_b: int) -> float:
    """
    Cosine similarity of two faces, -1..1. ValueError when their embeddings are of different models.
    """

def judge_faces(a: Analysis, face_a: int, b: Analysis, face_b: int, threshold: float, compare_anyway: bool = False) -> str:
    """
    What can be said of two faces at this cosine: "same", "different"; "not_comparable" when both are too poor to be told from other poor faces, "cannot_tell" when one is and the threshold is not reached. With compare_anyway no face counts as poor.
    """

class AnalyzeOptions:
    """What is done with an image."""

    def __init__(self, *, embed: bool = True, face_quality: bool = True, image_quality: bool = False, phash: bool = False, enhance: bool = False, rotations: bool = False, min_quality: float = 0.0, min_face: float = 0.0, detail: str = 'auto', det_threshold: float | None = None) -> None: ...

    @property
    def embed(self) -> bool: ...

    @embed.setter
    def embed(self, arg: bool, /) -> None: ...

    @property
    def face_quality(self) -> bool: ...

    @face_quality.setter
    def face_quality(self, arg: bool, /) -> None: ...

    @property
    def image_quality(self) -> bool: ...

    @image_quality.setter
    def image_quality(self, arg: bool, /) -> None: ...

    @property
    def phash(self) -> bool: ...

    @phash.setter
    def phash(self, arg: bool, /) -> None: ...

    @property
    def enhance(self) -> bool: ...

    @enhance.setter
    def enhance(self, arg: bool, /) -> None: ...

    @property
    def rotations(self) -> bool: ...

    @rotations.setter
    def rotations(self, arg: bool, /) -> None: ...

    @property
    def min_quality(self) -> float: ...

    @min_quality.setter
    def min_quality(self, arg: float, /) -> None: ...

    @property
    def min_face(self) -> float: ...

    @min_face.setter
    def min_face(self, arg: float, /) -> None: ...

    @property
    def det_threshold(self) -> float | None: ...

    @det_threshold.setter
    def det_threshold(self, threshold: float | None) -> None: ...

    @property
    def detail(self) -> str: ...

    @detail.setter
    def detail(self, arg: str, /) -> None: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class NativeEngine:
    """What mien.Engine is made of. Any thread may call it."""

    def analyze(self, image: object, colours: str | None, options: AnalyzeOptions) -> Analysis: ...

    def analyze_batch(self, images: list[object], options: AnalyzeOptions) -> list[Analysis | Exception]: ...

    def embed_aligned(self, faces: list[object], colours: str) -> list[numpy.typing.NDArray[numpy.float32]]: ...

    @property
    def detector(self) -> ModelInfo: ...

    @property
    def embedder(self) -> ModelInfo | None: ...

    @property
    def runtime(self) -> str: ...

    @property
    def batch_max(self) -> int: ...

    def __repr__(self) -> str: ...

def open_engine(settings: NativeSettings, *, detector: str = '', embedder: str = '', precision: str = 'default', load_embedder: bool = True, det_threshold: float | None = None, exact_sizes: Sequence[tuple[int, int]] = [], sandbox: bool = False) -> NativeEngine:
    """Loads the runtime and the models."""

class Job:
    """An image that was handed in."""

    def cancel(self) -> None: ...

class Pool:
    """Threads that analyse what asynchronous callers hand in."""

    def __init__(self, engine: NativeEngine, threads: int, waiting_max: int) -> None: ...

    def submit(self, image: object, options: AnalyzeOptions, batch_max: int, done: Callable[[Analysis | None, Exception | None], None]) -> Job | None:
        """The job; None when too many wait already."""

    @property
    def waiting(self) -> int: ...

    def stop(self) -> None:
        """Ends the threads and what they do."""

    def forget(self) -> None:
        """In the child of a fork, where its threads are not."""

class Input:
    """How images are read, and the device that works on them."""

    @property
    def placement(self) -> list[Placement]: ...

def open_input(settings: NativeSettings) -> Input:
    """With the GPU that the settings ask for."""

def engine_input(engine: NativeEngine) -> Input:
    """As the engine reads images."""

def enhance_image(image: object, input: Input) -> tuple[bytes, float]: ...

def crop_face(image: object, bbox: Sequence[float], margin: float, input: Input) -> bytes: ...

def create_thumbnail(image: object, width: int, height: int, input: Input) -> bytes: ...

def compute_phash(image: object, input: Input) -> str: ...

def assess_quality(image: object, colours: str | None, bbox: Sequence[float] | None, landmarks: Sequence[tuple[float, float]] | None, input: Input) -> tuple[Quality, int, int]:
    """The measures, and width and height of what was measured."""

def align_face(image: object, colours: str, landmarks: Sequence[tuple[float, float]], side: int) -> numpy.typing.NDArray[numpy.uint8]: ...

class Match:
    """A face that resembles the one looked for."""

    @property
    def face(self) -> int: ...

    @property
    def similarity(self) -> float: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class Record:
    """One image of a scan: what was found, or why nothing could be."""

    @property
    def source(self) -> str: ...

    @property
    def source_size(self) -> int: ...

    @property
    def sha256(self) -> str: ...

    @property
    def analysis(self) -> Analysis | None:
        """None when there is an error."""

    @property
    def matches(self) -> list[Match]: ...

    @property
    def compare_anyway(self) -> bool:
        """Whether poor faces matched by the threshold alone."""

    @property
    def error(self) -> Exception | None: ...

    def to_json(self) -> str:
        """As a line of mien scan, without embeddings."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class ScanProgress:
    @property
    def done(self) -> int: ...

    @property
    def found(self) -> int: ...

    @property
    def listing_finished(self) -> bool: ...

    @property
    def images_per_second(self) -> float: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class ScanSummary:
    """What a whole scan found."""

    @property
    def images(self) -> int: ...

    @property
    def analyzed(self) -> int: ...

    @property
    def resumed(self) -> int: ...

    @property
    def gone(self) -> int: ...

    @property
    def changed(self) -> int: ...

    @property
    def pruned(self) -> int: ...

    @property
    def left_out(self) -> dict[str, int]:
        """What the folders hold and was not read, by its kind."""

    @property
    def duplicates(self) -> int: ...

    @property
    def failed(self) -> int: ...

    @property
    def faces(self) -> int: ...

    @property
    def matched_images(self) -> int: ...

    @property
    def seconds(self) -> float: ...

    @property
    def threshold(self) -> float | None: ...

    @property
    def poor_faces(self) -> int:
        """Too poor to be told from other poor faces."""

    @property
    def expected_false_matches(self) -> float: ...

    @property
    def interrupted(self) -> bool:
        """It was stopped before its end."""

    @property
    def placement(self) -> list[Placement]: ...

    @property
    def notes(self) -> list[str]: ...

    def to_json(self) -> str:
        """As `mien scan --summary` writes it."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class ScanRun:
    """A scan that runs."""

    def __init__(self, engine: NativeEngine, sources: Sequence[str], analyze: AnalyzeOptions, *, like: str = '', threshold: float | None = None, compare_anyway: bool = False, out: str = '', force: bool = False, threads: int = 0, excludes: Sequence[str] = [], embeddings: bool = False, resume: bool = False, prune: str = 'none', no_skip: bool = False) -> None: ...

    def __iter__(self) -> Iterator[Record]: ...

    def __next__(self) -> Record: ...

    def close(self) -> None: ...

    @property
    def progress(self) -> ScanProgress: ...

    @property
    def summary(self) -> ScanSummary | None: ...

class StoredImage:
    """A photo's content, which may lie under several paths."""

    @property
    def id(self) -> int: ...

    @property
    def sha256(self) -> str:
        """Of the file's bytes, 64 hex digits."""

    @property
    def width(self) -> int:
        """Pixels of the upright image."""

    @property
    def height(self) -> int: ...

    @property
    def phash(self) -> str:
        """16 hex digits."""

    @property
    def taken(self) -> str | None:
        """"2019-07-04T12:30:00"; None: the photo does not say."""

    @property
    def paths(self) -> list[str]:
        """Absolute, those that are there."""

    @property
    def is_gone(self) -> bool:
        """No path of it is there any more."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class StoredFace:
    """A face as it was found."""

    @property
    def id(self) -> int:
        """Never used again: smaller is older."""

    @property
    def key(self) -> int:
        """63 bits of a hash of content and box: the same in every store."""

    @property
    def image(self) -> int:
        """The id of its image."""

    @property
    def number(self) -> int:
        """N of PHOTO#N: its place by falling det_score, from 0."""

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2: pixels of the upright image."""

    @property
    def det_score(self) -> float:
        """0..1."""

    @property
    def recognition_quality(self) -> float | None:
        """0..1, None: not measured."""

    @property
    def poor_reason(self) -> str | None:
        """As Face.poor_reason."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class StoredPlace:
    """What lies in the store for one path."""

    @property
    def source(self) -> str:
        """Absolute: the folder or file that was indexed."""

    @property
    def path(self) -> str:
        """Absolute."""

    @property
    def size_bytes(self) -> int: ...

    @property
    def mtime_ns(self) -> int: ...

    @property
    def sha256(self) -> str | None:
        """None: it could not be read."""

    @property
    def is_gone(self) -> bool: ...

    @property
    def error(self) -> str | None:
        """The code of the reason why it could not be read, as Error.code."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class StoreStatistics:
    """How much lies in a store."""

    @property
    def images(self) -> int:
        """Contents."""

    @property
    def paths(self) -> int:
        """That are there."""

    @property
    def gone(self) -> int:
        """Paths that are not there any more."""

    @property
    def failed(self) -> int:
        """Paths whose image could not be read."""

    @property
    def faces(self) -> int: ...

    @property
    def vectors(self) -> int:
        """Of the first embedder."""

    @property
    def bytes(self) -> int:
        """Of the file and its WAL."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class PeopleStatistics:
    """Whose the faces of a store are."""

    @property
    def faces(self) -> int: ...

    @property
    def in_people(self) -> int:
        """Of persons."""

    @property
    def in_groups(self) -> int:
        """In groups that nobody said anything of."""

    @property
    def poor(self) -> int:
        """Too poor to be in a group."""

    @property
    def not_faces(self) -> int:
        """Were said to be none."""

    @property
    def without_vector(self) -> int: ...

    @property
    def statements(self) -> int: ...

    @property
    def without_face(self) -> int:
        """Statements about faces that are not here."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class Person:
    """
    A person, or a group of faces that are one person and that nobody said anything of.
    """

    @property
    def id(self) -> int | None:
        """Its oldest face's; None: a person without a face here."""

    @property
    def person(self) -> int | None:
        """None: nobody said who it is."""

    @property
    def name(self) -> str | None: ...

    @property
    def is_hidden(self) -> bool: ...

    @property
    def is_stranger(self) -> bool:
        """Whom nobody wants to see."""

    @property
    def is_imported(self) -> bool:
        """The name stood in a file, nobody here said it."""

    @property
    def faces(self) -> int:
        """How many."""

    @property
    def images(self) -> int:
        """How many photos, by content."""

    @property
    def new_faces(self) -> int:
        """Of a person: how many joined by similarity alone."""

    @property
    def members(self) -> list[int]:
        """The ids of the faces."""

    @property
    def groups(self) -> list[int]:
        """The ids of the groups."""

    def draw(self, count_max: int = 60) -> PIL.Image.Image:
        """
        The faces as one picture, as many as asked for, those least like the others last. Needs Pillow.
        """

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class PersonFace:
    """A face of a person or a group."""

    @property
    def id(self) -> int: ...

    @property
    def group(self) -> int | None: ...

    @property
    def image(self) -> int:
        """The photo: Store.image()."""

    @property
    def person(self) -> int | None:
        """Whose it is now; None: of a group that nobody named, or of none."""

    @property
    def source(self) -> str | None:
        """A path of the photo; None: it is gone."""

    @property
    def copies(self) -> list[str]:
        """Other paths of the same content."""

    @property
    def number(self) -> int:
        """N of PHOTO#N."""

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2: pixels of the upright image."""

    @property
    def taken(self) -> str | None: ...

    @property
    def state(self) -> str:
        """
        How it came to its person: "found" (by similarity), "named" (with its group), "imported" or "confirmed".
        """

    @property
    def similarity(self) -> float | None:
        """
        Mean cosine to the person's other faces, -1..1; None: it has no others, or no vector.
        """

    @property
    def poor_reason(self) -> str | None:
        """As Face.poor_reason."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class Statement:
    """What was said of one face."""

    @property
    def sha256(self) -> str:
        """Of the image, 64 hex digits."""

    @property
    def bbox(self) -> tuple[float, float, float, float]: ...

    @property
    def kind(self) -> str:
        """"is", "is_not", "named", "imported", "not_a_face", "apart" or "rest"."""

    @property
    def person(self) -> int | None: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class Operation:
    """One thing that was said, which can be undone by its number."""

    @property
    def number(self) -> int: ...

    @property
    def kind(self) -> str:
        """
        "name", "is", "not_person", "merge", ... as in `mien people undo --list`.
        """

    @property
    def time(self) -> str:
        """UTC, "2026-11-30T06:30:00Z"."""

    @property
    def person(self) -> int | None: ...

    @property
    def other(self) -> int | None: ...

    @property
    def name(self) -> str | None:
        """That was given; of an import where it came from."""

    @property
    def statements(self) -> list[Statement]: ...

    @property
    def is_undone(self) -> bool: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class PeopleChange:
    """What a change did."""

    @property
    def operation(self) -> int | None:
        """For undo; None: it was so already."""

    @property
    def person(self) -> int | None: ...

    @property
    def name(self) -> str | None: ...

    @property
    def faces(self) -> int:
        """That something was said of."""

    @property
    def left_out(self) -> int:
        """
        Of a group that was named: faces that are not the person's, since the photo shows the person already or the opposite was said.
        """

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class Suggestion:
    """A question whether two are one person."""

    @property
    def kind(self) -> str:
        """
        "merge": are these one? "member": a face that was named with its group is not like the person's others: is it the person?
        """

    @property
    def person(self) -> Person:
        """The larger one, or the one with a name."""

    @property
    def other(self) -> Person:
        """Of "member": the face alone."""

    @property
    def similarity(self) -> float:
        """Mean cosine of all pairs."""

    @property
    def face(self) -> PersonFace:
        """Of the pair that is the most similar."""

    @property
    def other_face(self) -> PersonFace: ...

    @property
    def face_similarity(self) -> float:
        """Their cosine."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class FoundFace:
    """A face that was looked for."""

    @property
    def id(self) -> int: ...

    @property
    def number(self) -> int:
        """N of PHOTO#N."""

    @property
    def name(self) -> str:
        """Whom, or which photo, it was found for."""

    @property
    def similarity(self) -> float | None:
        """The cosine, of one that was found for a photo; else None."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class FoundPhoto:
    """A photo that shows who was looked for."""

    @property
    def source(self) -> str: ...

    @property
    def copies(self) -> list[str]:
        """Other paths of it, and photos that look the same."""

    @property
    def taken(self) -> str | None: ...

    @property
    def faces(self) -> list[FoundFace]: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class FindResult:
    """The photos that show who was looked for."""

    @property
    def photos(self) -> list[FoundPhoto]:
        """The best first, then by the time they were taken and by path."""

    @property
    def without_date(self) -> int:
        """Left out by `since`: it is not known when they were taken."""

    @property
    def compared(self) -> int:
        """Faces, where a photo was looked for."""

    @property
    def threshold(self) -> float:
        """The cosine from which on a face was a match."""

    @property
    def expected_false_matches(self) -> float:
        """Among them; 0: not known, or no photo was looked for."""

    @property
    def notes(self) -> list[str]: ...

    def __len__(self) -> int: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class ForgottenPerson:
    """What was removed for good."""

    @property
    def verdicts(self) -> int: ...

    @property
    def faces(self) -> int: ...

    @property
    def vectors(self) -> int: ...

    @property
    def places(self) -> list[tuple[str, tuple[float, float, float, float]]]:
        """Image (SHA-256) and box of faces that a later index does not embed."""

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class ImportSummary:
    """What an import of names found."""

    @property
    def photos(self) -> int:
        """That were looked at."""

    @property
    def with_names(self) -> int:
        """Of them: with a region that has a name."""

    @property
    def sidecars(self) -> int:
        """Files beside photos that were read."""

    @property
    def regions(self) -> int:
        """With a name."""

    @property
    def stated(self) -> int:
        """A face now bears this name, which it did not before."""

    @property
    def known(self) -> int:
        """Said by an earlier import already."""

    @property
    def no_face(self) -> int:
        """The store has no face there."""

    @property
    def unusable(self) -> int:
        """Without a place in the picture, or with a name that is none."""

    @property
    def persons(self) -> int:
        """Names."""

    @property
    def failed(self) -> int:
        """Photos and sidecars that could not be read."""

    @property
    def interrupted(self) -> bool:
        """Then nothing was said."""

    @property
    def notes(self) -> list[str]: ...

    def __repr__(self) -> str: ...

    def __getstate__(self) -> object: ...

    def __setstate__(self, state: object) -> None: ...

class NativeStore:
    """What mien.Store is made of. Threads take turns in it."""

    def __init__(self, settings: NativeSettings, path: str, access: str, threads: int) -> None: ...

    def close(self) -> None: ...

    @property
    def is_closed(self) -> bool: ...

    @property
    def path(self) -> str: ...

    def has_changed(self) -> bool: ...

    def statistics(self) -> StoreStatistics: ...

    def check(self) -> list[str]: ...

    def images(self) -> list[StoredImage]: ...

    def places(self) -> list[StoredPlace]: ...

    def image(self, id: int) -> StoredImage | None: ...

    def find_image_at(self, path: str) -> StoredImage | None: ...

    def faces_of(self, image: int) -> list[StoredFace]: ...

    def stored_face(self, id: int) -> StoredFace | None: ...

    def index(self, engine: NativeEngine, sources: Sequence[str], analyze: AnalyzeOptions, *, excludes: Sequence[str], no_skip: bool, prune: str, threads: int, on_progress: object | None, stop: object | None) -> ScanSummary: ...

    def move(self, old_folder: str, new_folder: str) -> int: ...

    def back_up(self, target: str) -> None: ...

    def faces_after(self, after: int, count_max: int) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
        """
        Faces with larger ids, at most so many: ids, keys, images, numbers, boxes, det_scores, recognition_qualities.
        """

    def vectors_after(self, embedder: str, after: int, count_max: int) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.float16]]:
        """
        Vectors of faces with larger ids, at most so many (0: all): ids, keys, vectors.
        """

    @property
    def embedders(self) -> dict[str, str]: ...

    def people(self, with_hidden: bool, faces_min: int) -> list[Person]: ...

    def person(self, who: str) -> Person: ...

    def faces(self, who: str) -> list[PersonFace]: ...

    def face(self, id: int) -> PersonFace: ...

    def find_face(self, photo_and_number: str) -> PersonFace: ...

    def people_statistics(self) -> PeopleStatistics: ...

    def history(self) -> list[Operation]: ...

    def suggest(self, count_max: int) -> list[Suggestion]: ...

    def is_open(self, suggestion: Suggestion) -> bool: ...

    def find(self, names: Sequence[str], photos: Sequence[tuple[str, object]], *, all: bool, without: Sequence[str], since: str, folder: str, threshold: float | None) -> FindResult: ...

    def name(self, who: str, name: str) -> PeopleChange: ...

    def is_person(self, face: str | int, name: str) -> PeopleChange: ...

    def is_not(self, face: str | int, name: str) -> PeopleChange: ...

    def merge(self, who: str, other: str) -> PeopleChange: ...

    def split(self, who: str, faces: Sequence[str] | Sequence[int]) -> PeopleChange: ...

    def hide(self, who: str) -> PeopleChange: ...

    def stranger(self, who: str) -> PeopleChange: ...

    def not_a_face(self, faces: Sequence[str] | Sequence[int]) -> PeopleChange: ...

    def page(self, which: str | int) -> PeopleChange: ...

    def undo(self, number: int | None) -> Operation: ...

    def answer(self, suggestion: Suggestion, yes: bool) -> PeopleChange: ...

    def forget(self, who: str) -> ForgottenPerson: ...

    def import_names(self, sources: Sequence[str], *, sandbox: bool, on_progress: object | None, stop: object | None) -> ImportSummary: ...
