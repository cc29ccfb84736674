"""`--gpu` from outside: what it opens, what the CPU keeps, and the line that says so. On the test device."""

import json
import os
import pathlib

import pytest

DEVICE = pathlib.Path(os.environ.get("MIEN_BUILD", "")) / "tests/libmien_test_device.so"
FEW = "few images: planning for the GPU takes longer"
PIXELS = "the CPU is quicker where the pixels are"


@pytest.fixture
def on_device(mien):
    """Runs mien on the test device; tells whether it was opened, by the counters that it leaves behind."""

    def run(*arguments, **settings):
        counters = mien.folder / "counters.json"
        counters.unlink(missing_ok=True)
        # Under sanitizers the device takes longer than a real one may.
        limits = {"GPU_BATCH_SIZE": "1", "MIEN_GPU_TIME_LIMIT": "600"}
        device = {"MIEN_TEST_DEVICE": str(DEVICE), "MIEN_TEST_DEVICE_COUNTERS": str(counters)} | limits
        return mien(*arguments, env=device | settings), counters.exists()

    return run


def placement(done):
    return json.loads(done.stdout.splitlines()[0])["placement"]


def words(text):
    """As one line, whatever the width was."""
    return " ".join(text.split())


@pytest.mark.parametrize("command", ["faces", "compare", "quality", "scan"])
def test_a_photo_opens_no_gpu(mien, photos, on_device, command):
    arguments = [command, *[str(photos / "obama.jpg")] * (2 if command == "compare" else 1)]
    done, is_opened = on_device(*arguments, "--gpu")
    assert done.returncode == 0, done.stderr
    assert not is_opened and "WARNING" not in done.stderr and "GPU acceleration" not in done.stderr
    if command != "scan":  # whose records hold times
        assert done.stdout == mien(*arguments).stdout


@pytest.mark.parametrize(("setting", "value"), [("ALL_GPU", "true"), ("FACE_DETECTION_GPU", "require")])
def test_a_flag_opens_it_for_a_photo(photos, on_device, setting, value):
    done, is_opened = on_device("faces", str(photos / "obama.jpg"), **{setting: value})
    assert done.returncode == 0 and is_opened, done.stderr
    done, is_opened = on_device("faces", str(photos / "obama.jpg"), "--gpu", FACE_DETECTION_GPU="require")
    assert done.returncode == 0 and is_opened, done.stderr


def test_few_photos_say_why(photos, on_device):
    done, _ = on_device("scan", str(photos / "obama.jpg"), "--gpu")
    detection = placement(done)["face_detection"]
    assert (detection["requested"], detection["ran"], detection["reason"]) == ("gpu", "cpu", FEW)
    assert placement(done)["quality_checks"]["reason"] == PIXELS
    assert f"GPU: nothing; CPU: face_detection ({FEW}); quality_checks ({PIXELS})" in words(done.stderr)


def test_pixels_stay_with_the_cpu_in_a_long_scan(mien, photos, on_device):
    """Nobody knows how long a list is."""
    (mien.folder / "list").write_text(f"{(photos / 'obama.jpg').resolve()}\n")
    done, is_opened = on_device("scan", "--list", "list", "--gpu")
    assert done.returncode == 0 and is_opened, done.stderr
    assert placement(done)["face_detection"]["reason"] != FEW
    quality = placement(done)["quality_checks"]
    assert (quality["requested"], quality["ran"], quality["reason"]) == ("gpu", "cpu", PIXELS)
    assert f"CPU: quality_checks ({PIXELS})" in words(done.stderr)
    done, _ = on_device("scan", "--list", "list", "--gpu", QUALITY_CHECKS_GPU="true")
    assert placement(done)["quality_checks"]["ran"] == "test"
    assert "GPU: " not in done.stderr, "nothing was kept"


def test_devices_show_what_is_asked(mien):
    requested = json.loads(mien("devices", "--json", "--gpu", env={"FACE_DETECTION_GPU": "true"}).stdout)["requested"]
    assert requested.pop("face_detection") == "gpu"
    assert set(requested.values()) == {"auto"}
