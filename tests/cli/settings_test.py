"""Settings as a user meets them: `mien config` and the flags."""

import json

import pytest


def settings(mien, *arguments, env=None):
    result = mien("config", "--json", *arguments, env=env)
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)["settings"]
    return {row["name"]: row for row in rows}


GUIDE_DEFAULTS = {
    "ALL_GPU": "false",
    "FACE_DETECTION_GPU": "false",
    "FACE_EMBEDDING_GPU": "false",
    "IMAGE_PROCESSING_GPU": "false",
    "IMAGE_ENHANCEMENT_GPU": "false",
    "QUALITY_CHECKS_GPU": "false",
    "GPU_BACKEND": "auto",
    "GPU_DEVICE_ID": "0",
    "GPU_MEMORY_LIMIT_GB": "8",
    "GPU_BATCH_SIZE": "32",
    "MIEN_GPU_TIME_LIMIT": "30",
    "MIEN_CUDNN_SEARCH": "default",
    "LOG_LEVEL": "INFO",
    "DEBUG": "false",
    "MIEN_RUNTIME": "auto",
    "MIEN_THREADS": "0",
    "MIEN_PRECISION": "default",
    "MIEN_DETAIL": "auto",
    "MIEN_ALLOW_SOFTWARE_GPU": "false",
    "MIEN_SANDBOX": "false",
    "MIEN_DECODER": "",
    "MIEN_MODEL_DIR": "",
    "MIEN_CATALOG": "",
    "MIEN_ORT_LIBRARY": "",
    "MIEN_OPENVINO_LIBRARY": "",
    "MIEN_BACKEND_DIR": "",
    "MIEN_TEST_DEVICE": "",
    "MIEN_LISTEN": "127.0.0.1:8765",
    "MIEN_KEY_FILE": "",
    "MIEN_HOST": "",
    "MIEN_IMMICH": "",
    "MIEN_IMMICH_FROM": "",
    "MIEN_UPSTREAM": "",
    "MIEN_QUEUE": "256",
    "MIEN_QUEUE_MB": "512",
    "MIEN_BODY_MB": "64",
    "MIEN_BATCH_DELAY_MS": "2",
    "MIEN_DRAIN_SECONDS": "30",
    "MIEN_LOG_FORMAT": "text",
    "MIEN_NO_SANDBOX": "false",
    "MIEN_SERVE_STORE": "",
    "MIEN_NEXTCLOUD": "false",
    "MIEN_NEXTCLOUD_THRESHOLD": "",
    "MIEN_CRAWLER": "false",
    "MIEN_CRAWLER_EMBEDDINGS": "false",
}


def test_defaults(mien):
    rows = settings(mien)
    assert {name: row["value"] for name, row in rows.items()} == GUIDE_DEFAULTS
    assert {row["source"] for row in rows.values()} == {"default"}


def test_table_names_every_setting(mien):
    result = mien("config")
    assert result.returncode == 0
    for name in GUIDE_DEFAULTS:
        assert name in result.stdout


def test_precedence(mien):
    def batch(*arguments, env=None):
        row = settings(mien, *arguments, env=env)["GPU_BATCH_SIZE"]
        return row["value"], row["source"]

    user_file = mien.home / ".config" / "mien" / "env"
    user_file.parent.mkdir(parents=True)
    user_file.write_text("# mine\nGPU_BATCH_SIZE=1\n")
    assert batch() == ("1", "~/.config/mien/env line 2")
    (mien.folder / ".env").write_text("GPU_BATCH_SIZE=2 # here\r\n")
    assert batch() == ("2", ".env line 1")
    assert batch(env={"gpu_batch_size": "3"}) == ("3", "environment gpu_batch_size")
    both = {"GPU_BATCH_SIZE": "3", "MIEN_GPU_BATCH_SIZE": "4"}
    assert batch(env=both) == ("4", "environment MIEN_GPU_BATCH_SIZE")
    assert batch("--batch", "5", env=both) == ("5", "--batch")
    assert batch("--batch=6", env=both) == ("6", "--batch")


def test_xdg_config_home(mien):
    folder = mien.folder / "xdg"
    (folder / "mien").mkdir(parents=True)
    (folder / "mien" / "env").write_text("export GPU_DEVICE_ID='7'\n")
    rows = settings(mien, env={"XDG_CONFIG_HOME": str(folder)})
    assert rows["GPU_DEVICE_ID"]["value"] == "7"


def test_gpu_flag(mien):
    flags = [name for name in GUIDE_DEFAULTS if name.endswith("_GPU") and "MIEN" not in name]
    one = {"QUALITY_CHECKS_GPU": "require"}
    rows = settings(mien, "--gpu", env=one | {"FACE_DETECTION_GPU": "true"})
    assert rows["ALL_GPU"]["value"] == "auto" and rows["ALL_GPU"]["source"] == "--gpu"
    assert rows["FACE_DETECTION_GPU"]["value"] == "true"
    assert rows["QUALITY_CHECKS_GPU"]["value"] == "require"
    rows = settings(mien, "--gpu=require")
    assert {rows[name]["value"] for name in flags} == {"true", "require"}
    assert rows["FACE_DETECTION_GPU"]["source"] == "--gpu=require"
    rows = settings(mien, "--gpu=off", env=one | {"ALL_GPU": "true"})
    assert {rows[name]["value"] for name in flags} == {"false"}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ALL_GPU", "maybe", "true or false"),
        ("FACE_DETECTION_GPU", "2", "false, true or require"),
        ("GPU_BACKEND", "tpu", "auto, cuda, rocm, mps, webgpu, openvino, cpu"),
        ("GPU_DEVICE_ID", "-1", "0 or more"),
        ("GPU_MEMORY_LIMIT_GB", "0", "above 0"),
        ("GPU_MEMORY_LIMIT_GB", "8GB", "above 0"),
        ("GPU_BATCH_SIZE", "0", "from 1 to 4096"),
        ("MIEN_RUNTIME", "torch", "auto, onnxruntime, openvino"),
        ("MIEN_CUDNN_SEARCH", "thorough", "default, heuristic, exhaustive"),
    ],
)
@pytest.mark.parametrize("command", ["config", "devices", "version"])
def test_wrong_values_end_every_command(mien, command, name, value, allowed):
    result = mien(command, env={name: value})
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert f"{name}={value}" in result.stderr
    assert f"environment {name}" in result.stderr
    assert allowed in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--backend", "tpu"],
        ["--device", "-1"],
        ["--device", "x"],
        ["--batch", "0"],
        ["--gpu=maybe"],
    ],
)
def test_wrong_flags(mien, arguments):
    result = mien("config", *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("mien: ")
    assert arguments[0].split("=")[0] in result.stderr


def test_wrong_value_in_dotenv_names_file_and_line(mien):
    (mien.folder / ".env").write_text("\n\nGPU_BATCH_SIZE=many\n")
    result = mien("config")
    assert result.returncode == 2
    assert ".env line 3" in result.stderr


def test_other_programs_settings_are_warnings(mien):
    (mien.folder / ".env").write_text("API_TOKEN=hunter2\nthis is hunter2\n")
    result = mien("config", env={"DEBUG": "express:*", "LOG_LEVEL": "trace"})
    assert result.returncode == 0
    assert result.stderr.count("warning") == 3
    assert ".env line 2" in result.stderr
    assert "hunter2" not in result.stdout + result.stderr


def test_debug_means_log_level_debug(mien):
    rows = settings(mien, env={"DEBUG": "true", "LOG_LEVEL": "ERROR"})
    assert rows["LOG_LEVEL"]["value"] == "DEBUG"
    assert "DEBUG=true" in rows["LOG_LEVEL"]["source"]


def test_dotenv_that_is_a_folder_is_a_warning(mien):
    (mien.folder / ".env").mkdir()
    result = mien("config")
    assert result.returncode == 0
    assert "warning" in result.stderr


def test_the_guides_block_parses(mien):
    (mien.folder / ".env").write_text(
        "ALL_GPU=false                    # Enable all GPU operations\n"
        "GPU_BACKEND=auto                 # auto|cuda|rocm|mps|cpu\n"
        "GPU_MEMORY_LIMIT_GB=8            # GPU memory limit\n"
    )
    assert settings(mien)["GPU_MEMORY_LIMIT_GB"]["source"] == ".env line 3"
