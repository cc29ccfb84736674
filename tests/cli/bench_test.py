"""`mien bench` and `mien tune` from outside: what they write, what they refuse, and that a fallback is no gain.

No time is compared with another: what `mien tune` chooses is compared with the figures that it gives for it.
"""

import json
import os
import pathlib

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/bench.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
DEVICE = pathlib.Path(os.environ.get("MIEN_BUILD", "")) / "tests/libmien_test_device.so"
OPERATIONS = ["face_detection", "face_embedding", "image_processing", "image_enhancement", "quality_checks",
              "thumbnail_creation"]
QUICK = ["--image-size", "small", "--iterations", "1"]


@pytest.fixture
def few(mien, photos):
    """A folder with two photos that show faces, which takes less time than all."""
    folder = mien.folder / "few"
    folder.mkdir()
    for name in ("obama.jpg", "obama2.jpg"):
        (folder / name).symlink_to((photos / name).resolve())
    return str(folder)


def on_test_device(**faults):
    told = ",".join(f"{name}={value}" for name, value in faults.items())
    return {"MIEN_TEST_DEVICE": str(DEVICE)} | ({"MIEN_TEST_DEVICE_FAULTS": told} if told else {})


def result_of(mien, name="gpu_benchmark_results.json"):
    result = json.loads((mien.folder / name).read_text(), parse_constant=pytest.fail)
    VALIDATOR.validate(result)
    return result


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_operation(mien, few):
    done = mien("bench", "--images", few, *QUICK, "--batch-size", "1")
    assert done.returncode == 0, done.stderr
    result = result_of(mien)
    assert list(result["benchmark_results"]) == OPERATIONS
    for operation in OPERATIONS:
        assert set(result["benchmark_results"][operation]["small"]) == {"gpu_true", "gpu_false"}
    assert result["benchmark_results"]["face_embedding"]["small"]["gpu_false"]["faces_per_image"] >= 1
    assert "face_embedding" in done.stdout and "median ms" in done.stdout
    assert "written: gpu_benchmark_results.json" in done.stdout


def test_sizes_and_batches_without_options(mien, few):
    done = mien("bench", "--images", few, "--operation", "quality_checks", "--iterations", "1")
    assert done.returncode == 0, done.stderr
    sizes = result_of(mien)["benchmark_results"]["quality_checks"]
    assert list(sizes) == ["small", "medium", "large"]
    for size in sizes.values():
        assert [list(device) for device in size.values()] == [["batch_1", "batch_10", "batch_50"]] * 2
        assert size["gpu_false"]["batch_10"]["images_per_iteration"] == 10


def test_without_a_gpu_its_rows_say_so_and_count_as_no_gain(mien, few):
    done = mien("bench", "--images", few, *QUICK, "--operation", "quality_checks", "--batch-size", "2", "--backend",
                "cuda", "--device", "999")
    assert done.returncode == 0, done.stderr
    result = result_of(mien)
    row = result["benchmark_results"]["quality_checks"]["small"]["gpu_true"]
    assert row["placement"]["requested"] == "gpu" and row["placement"]["ran"] == "cpu"
    assert row["placement"]["reason"] and row["fell_back"]
    assert row["error_rate"] == 0 and row["success_rate"] == 1
    gain = result["analysis"]["performance_gains"]["quality_checks"]["small"]
    assert gain["time_improvement_percent"] == gain["throughput_improvement_percent"] == 0
    assert gain["no_gain_because"] == row["placement"]["reason"]
    assert result["analysis"]["recommendations"]["quality_checks"]["small"] == "use_cpu"
    assert result["analysis"]["optimal_configurations"]["quality_checks"]["small"]["device"] == "cpu"
    assert result["system_info"]["gpu"] is None and result["system_info"]["gpu_unavailable_because"]
    assert "cpu (GPU asked)" in done.stdout and "No GPU was used" in done.stdout


def test_on_a_device(mien, few):
    done = mien("bench", "--images", few, *QUICK, "--batch-size", "2", "--operation", "face_detection",
                "--operation", "thumbnail_creation", "--report", "bench.html", env=on_test_device())
    assert done.returncode == 0, done.stderr
    result = result_of(mien)
    for operation in ("face_detection", "thumbnail_creation"):
        devices = result["benchmark_results"][operation]["small"]
        assert devices["gpu_true"]["placement"]["ran"] == "test"
        assert devices["gpu_false"]["placement"]["ran"] == "cpu"
        assert devices["gpu_true"]["peak_gpu_memory_mb"] > 0 == devices["gpu_false"]["peak_gpu_memory_mb"]
        assert not devices["gpu_true"]["fell_back"]
    page = (mien.folder / "bench.html").read_text()
    assert page.count("<svg viewBox") == 2 and "<script" not in page and "http" not in page.replace("http-equiv", "")


def test_a_device_that_fails_is_shown(mien, few):
    done = mien("bench", "--images", few, *QUICK, "--operation", "quality_checks", "--batch-size", "2", "--report",
                "bench.html", env=on_test_device(fail_at=2, fail_count=100000))
    assert done.returncode == 0, done.stderr
    result = result_of(mien)
    row = result["benchmark_results"]["quality_checks"]["small"]["gpu_true"]
    assert row["fell_back"] and "call failed" in row["placement"]["reason"]
    assert result["analysis"]["recommendations"]["quality_checks"]["small"] == "use_cpu"
    assert result["analysis"]["performance_gains"]["quality_checks"]["small"]["time_improvement_percent"] == 0
    assert "counts as no gain" in (mien.folder / "bench.html").read_text()


def test_one_device_only(mien, few):
    one = ["bench", "--images", few, *QUICK, "--operation", "quality_checks", "--batch-size", "1"]
    assert mien(*one, "--no-gpu", "--output", "cpu.json").returncode == 0
    assert set(result_of(mien, "cpu.json")["benchmark_results"]["quality_checks"]["small"]) == {"gpu_false"}
    assert result_of(mien, "cpu.json")["analysis"]["recommendations"] == {}
    done = mien(*one, "--gpu", "--output", "gpu.json", "--json", env=on_test_device())
    assert set(result_of(mien, "gpu.json")["benchmark_results"]["quality_checks"]["small"]) == {"gpu_true"}
    assert json.loads(done.stdout) == result_of(mien, "gpu.json")


@pytest.mark.parametrize(
    "arguments, hint",
    [
        (["--operation", "dreaming"], "face_detection, face_embedding"),
        (["--image-size", "huge"], "small, medium, large"),
        (["--batch-size", "0"], "from 1 to 4096"),
        (["--iterations", "many"], "whole number"),
        (["--output", ""], "--output is empty"),
        (["--output", "no/such/folder.json"], "there is no folder no/such"),
        (["--output", "."], "it is a folder"),
        (["--report", "no/such/page.html"], "there is no folder"),
        (["--output", "/dev/null"], "not a regular file"),
        (["--output", "photo.jpg"], "no earlier result"),
        (["--output", "one", "--report", "one"], "one file"),
        (["pipeline", "--images", ".", "--dump", "no/such/dump.json"], "there is no folder"),
        (["pipeline", "--images", ".", "--dump", "photo.jpg"], "no earlier result"),
        (["--images", "missing-folder"], "missing-folder"),
        (["--itertions", "2"], "did you mean --iterations"),
        (["extra"], "mien bench ops"),
    ],
)
def test_wrong_calls(mien, arguments, hint):
    (mien.folder / "photo.jpg").write_bytes(b"\xff\xd8")
    result = mien("bench", *arguments)
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("mien: ") and result.stderr.count("\n") == 1
    assert hint in result.stderr
    assert list(mien.folder.glob("*.json")) == []
    assert (mien.folder / "photo.jpg").read_bytes() == b"\xff\xd8"


def test_photos_without_faces_are_refused(mien, photos):
    folder = mien.folder / "cats"
    folder.mkdir()
    (folder / "chelsea.png").symlink_to((photos / "chelsea.png").resolve())
    done = mien("bench", "--images", "cats", "--no-gpu")
    assert done.returncode == 2 and "--images DIR" in done.stderr


def test_ops(mien):
    done = mien("bench", "ops", "--iterations", "1", "--operation", "quality_checks", "--json", env=on_test_device())
    assert done.returncode == 0, done.stderr
    cases = json.loads(done.stdout)["cases"]
    assert {case["device"] for case in cases} == {"cpu", "test"}
    assert all(case["problem"] is None and case["median_ms"] > 0 for case in cases)
    table = mien("bench", "ops", "--iterations", "1", "--no-gpu")
    assert "letterbox 1920x1080" in table.stdout and "stage 640x480" in table.stdout


# mien tune


def tuned(done):
    return {row["name"]: row for row in json.loads(done.stdout)["settings"]}


def scans_gain(done):
    """Whether whole scans with the device gain what is worth it: up to the machine and what else it does."""
    scans = json.loads(done.stdout)["scans"]
    assert scans["backend"] == "test" and scans["together_images_per_second"] > 0 < scans["cpu_images_per_second"]
    return scans["gain_percent"] > 10


TUNE = ["tune", "--json", "--image-size", "small", "--batch-size", "2", "--iterations"]


QUICK_ONES = ["--operation", "face_detection", "--operation", "face_embedding", "--operation", "quality_checks"]


def test_tune_says_what_it_would_set_and_writes_nothing(mien, few):
    done = mien(*TUNE, "1", "--images", few)
    assert done.returncode == 0, done.stderr
    settings = tuned(done)
    for operation in OPERATIONS[:5]:
        row = settings[operation.upper() + "_GPU"]
        assert row["value"] == "false" and "the GPU did not do it" in row["why"]
    assert "GPU_BATCH_SIZE" not in settings
    assert settings["MIEN_PRECISION"]["value"] in ("default", "fast")
    assert not (mien.folder / ".env").exists()


def test_tune_writes_what_is_faster(mien, few):
    """The device remembers what it has computed, so that models on it are a look-up."""
    env = mien.folder / ".env"
    env.write_text("# mine\nexport QUALITY_CHECKS_GPU=false\nOTHER=1 # stays\n")
    done = mien(*TUNE, "3", *QUICK_ONES, "--write", "--images", few,
                env=on_test_device(remember=1) | {"MIEN_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    settings = tuned(done)
    lines = env.read_text().splitlines()
    assert lines[:3] == ["# mine", "export QUALITY_CHECKS_GPU=false", "OTHER=1 # stays"]
    gains = scans_gain(done)
    value = "auto" if gains else "false"
    for name in ("FACE_DETECTION_GPU", "FACE_EMBEDDING_GPU"):
        assert settings[name]["value"] == value, settings[name]["why"]
        assert "whole scans with test" in settings[name]["why"]
        assert f"{name}={value}  # mien tune: {value}" in lines
    assert any(line.startswith("GPU_BATCH_SIZE=") for line in lines) == gains
    assert sum("QUALITY_CHECKS_GPU" in line for line in lines) == 1
    assert "QUALITY_CHECKS_GPU stays as it is set by hand: .env line 2" in done.stderr
    assert "MIEN_THREADS stays as it is set by hand: environment MIEN_THREADS" in done.stderr
    config = {row["name"]: row for row in json.loads(mien("config", "--json").stdout)["settings"]}
    assert config["FACE_DETECTION_GPU"]["value"] == value
    # On a machine that lost its device the same command takes its own lines back, and no others.
    done = mien(*TUNE, "1", *QUICK_ONES, "--write", "--images", few)
    assert done.returncode == 0, done.stderr
    lines = env.read_text().splitlines()
    assert lines[:3] == ["# mine", "export QUALITY_CHECKS_GPU=false", "OTHER=1 # stays"]
    assert "FACE_DETECTION_GPU=false  # mien tune: false" in lines


def test_tune_writes_where_it_measured(mien, few):
    """Options of the call are gone with it: what they chose is written, or the GPU would be another one."""
    done = mien(*TUNE, "3", "--operation", "face_detection", "--operation", "face_embedding", "--device", "0",
                "--precision", "exact", "--write", "--images", few,
                env=on_test_device(remember=1) | {"MIEN_THREADS": "1"})  # the same batches again and again
    assert done.returncode == 0, done.stderr
    settings = tuned(done)
    gains = scans_gain(done)
    value = "auto" if gains else "false"
    assert settings["FACE_DETECTION_GPU"]["value"] == value, settings["FACE_DETECTION_GPU"]["why"]
    lines = (mien.folder / ".env").read_text().splitlines()
    assert ("GPU_DEVICE_ID=0  # mien tune: 0" in lines) == gains
    assert any(line.startswith("MIEN_PRECISION=") for line in lines)
    assert settings["MIEN_PRECISION"]["kept"] is None


def test_tune_fails_before_it_measures(mien):
    done = mien("tune", "--write", "--output", "no/such/.env")
    assert done.returncode == 2 and "no/such/.env" in done.stderr and done.stdout == ""


def test_photos_of_a_camera_are_found(mien, photos):
    """Cameras write IMG_1.JPG; a folder or a link to nothing is no photo, whatever its name."""
    folder = mien.folder / "card"
    (folder / "x.jpg").mkdir(parents=True)
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "IMG_1.JPG").symlink_to((photos / "obama.jpg").resolve())
    done = mien("bench", "pipeline", "--images", "card", "--passes", "1", "--no-floor", "--json")
    assert done.returncode == 0, done.stderr
    assert [image["file"] for image in json.loads(done.stdout)["images"]] == ["IMG_1.JPG"]


def test_tune_leaves_a_slow_device_alone(mien, few):
    """Whole scans with it gain nothing, because the CPU takes back what it is too slow for.

    How much two scans on the CPU differ is up to what else the machine does: the choice must be that of its figures.
    """
    done = mien(*TUNE, "1", "--operation", "face_detection", "--operation", "quality_checks", "--write", "--output",
                "tuned.env", "--images", few, env=on_test_device(slow_us=300_000))
    assert done.returncode == 0, done.stderr
    settings = tuned(done)
    written = (mien.folder / "tuned.env").read_text()
    gains = scans_gain(done)
    detection = "take" if gains else "no gain of 10 %"
    for name, value, why in (("FACE_DETECTION_GPU", "auto" if gains else "false", detection),
                             ("QUALITY_CHECKS_GPU", "false", "where the pixels are")):
        assert settings[name]["value"] == value and why in settings[name]["why"], settings[name]["why"]
        assert f"{name}={value}  # mien tune: {value}" in written
    # The CPU takes a tenth of a millisecond for quality: no busy machine makes that as long as the device waits.
    rows = json.loads(done.stdout)["benchmark"]["benchmark_results"]["quality_checks"]["small"]
    assert rows["gpu_true"]["median_time_ms"] > rows["gpu_false"]["median_time_ms"]
