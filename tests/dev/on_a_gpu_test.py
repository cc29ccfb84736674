"""bench/on_a_gpu.py without a GPU: each step does its work within its limit and writes what came of it.

Plans are those of a runtime that is none (fake_onnxruntime.py), which hangs and ends on command; scans are those of the
real program on the test device. What was measured here says nothing; that a line of it is written does.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "bench"))
pytest.importorskip("numpy", reason="no numpy: install python3-numpy")
import on_a_gpu
from gpu import common, profiles, scans, sessions, show

DEPS = Path(os.environ.get("MIEN_TEST_DEPS", ROOT / ".deps"))
BINARY = os.environ.get("MIEN_BINARY", "")
TEST_DEVICE = Path(os.environ.get("MIEN_BUILD", "")) / "tests/libmien_test_device.so"
TINY_MODELS = os.environ.get("MIEN_WRITE_TINY_MODELS", "")
needs_program = pytest.mark.skipif(not (BINARY and TINY_MODELS and TEST_DEVICE.exists()),
                                   reason="for ctest, in a build with the test device and the Python package")
DETECTOR = {"inputs": ["image"]}
MASKED = {"inputs": ["image", "mien_mask_8", "mien_mask_32"]}
# Stands in for bench/model_as_run: a model's forms are beside it.
AS_RUN = '#!/bin/sh\nif [ "$4" = --masked ]; then cp "${2%.onnx}.masks" "$3"; else cp "$2" "$3"; fi\n'


class Kit:
    """An unpacked kit of one pair of models, and the results of steps with it."""

    def __init__(self, folder: Path):
        self.folder = folder / "kit"
        self.output = folder / "results.jsonl"
        for name in ("bin", "models", "python", "photos/typical"):
            (self.folder / name).mkdir(parents=True)
        shutil.copy(HERE / "fake_onnxruntime.py", self.folder / "python/onnxruntime.py")
        self.program("model_as_run", AS_RUN)
        self.program("mien", "#!/bin/sh\necho mien \"$@\"\n")
        self.model("det.onnx", DETECTOR)
        self.model("det.masks", MASKED)
        self.model("rec.onnx", DETECTOR)
        self.describe(["typical"])
        self.scratch = folder / "scratch"

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def model(self, name: str, content: dict) -> None:
        (self.folder / "models" / name).write_text(json.dumps(content))

    def describe(self, photos: list[str]) -> None:
        pair = {"detector": "models/det.onnx", "embedder": "models/rec.onnx"}
        kit = {"chip": 90, "commit": "abc", "mien": "bin/mien", "pairs": {"default": pair}, "photos": photos}
        (self.folder / "kit.json").write_text(json.dumps(kit))

    def bench(self, provider: str = "cuda", **options) -> common.Bench:
        return common.Bench(self.folder, provider, self.output, self.scratch, **{"scale": 0.125, **options})

    def results(self, what: str = "") -> list[dict]:
        found = show.read_results(self.output)
        return [result for result in found if what in ("", result["what"])]


@pytest.fixture(name="kit")
def make_kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def searches(results: list[dict]) -> list[str]:
    return [result["options"]["cudnn_conv_algo_search"] for result in results]


# --- plans ----------------------------------------------------------------------------------------------------------


def test_every_plan_is_measured_the_most_telling_first(kit):
    bench = kit.bench()
    bench.step = 2
    sessions.measure_plans(bench)
    plans = kit.results("plan")
    told = [(plan["kind"], plan["model"], plan["batch"]) for plan in plans]
    assert told[:6] == [("masked", "det.masked.onnx", 2)] * 3 + [("embedder", "rec.aligned.onnx", 4)] * 3
    assert searches(plans[:3]) == ["DEFAULT", "HEURISTIC", "EXHAUSTIVE"]
    assert {plan["options"]["use_tf32"] + plan["options"]["prefer_nhwc"] for plan in plans[:9]} == {"00"}
    # 3 searches x tf32 x NHWC of: masked and plain at 1, 2 and 4 (an eighth of the batches), the embedder at 4 and 8.
    assert len(plans) == 12 * (3 * 2 + 2) + 3 * 3
    errors = {plan["error"] for plan in plans if plan["fused"]}
    assert errors == set() or all("onnx" in error or "decod" in error.lower() for error in errors)
    plain = [plan for plan in plans if not plan["fused"]]
    assert all(plan["relative"] == 0 and plan["warm_ms"] >= 0 and plan["first_s"] >= 0 for plan in plain)
    assert {(plan["step"], plan["commit"], plan["provider"], plan["device"]) for plan in plans} == {
        (2, "abc", "cuda", plans[0]["device"])}


def test_a_difference_from_the_cpu_is_told(kit):
    kit.model("det.masks", {**MASKED, "off": 0.5})
    sessions.measure_plans(kit.bench())
    masked = [plan for plan in kit.results("plan") if plan["kind"] == "masked" and not plan["fused"]]
    assert all(plan["difference"] == pytest.approx(0.5) for plan in masked)


def test_masks_leave_rectangles_of_their_own():
    script = ("import json, sys\nsys.argv = ['worker.py', '.', '']\nimport worker\nfrom types import SimpleNamespace\n"
              "names = ['image', 'mien_mask_8', 'mien_mask_32']\n"
              "session = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(name=name) for name in names])\n"
              "made = worker.make_inputs(session, 5, 640)\n"
              "image, fine, coarse = (made[name] for name in names)\n"
              "print(json.dumps([list(array.shape) for array in (image, fine, coarse)]))\n"
              "print(json.dumps([[int(c[0, :, 0].sum()), int(c[0, 0].sum()), int(f[0].sum()), "
              "int((abs(i[0]).sum(axis=1) > 0).sum()), int((abs(i[0]).sum(axis=0) > 0).sum())] "
              "for i, f, c in zip(image, fine, coarse)]))\n")
    path = f"{ROOT / 'bench/gpu'}:{HERE}"
    code = f"import sys, fake_onnxruntime\nsys.modules['onnxruntime'] = fake_onnxruntime\n{script}"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    shapes, rectangles = map(json.loads, done.stdout.splitlines())
    assert shapes == [[5, 3, 640, 640], [5, 1, 80, 80], [5, 1, 20, 20]]
    # Rows and columns of stride 32, cells of stride 8, rows and columns of pixels that are not 0.
    assert rectangles == [[14, 20, 56 * 80, 448, 640], [16, 13, 64 * 52, 512, 416], [20, 9, 80 * 36, 640, 288],
                          [20, 20, 80 * 80, 640, 640], [14, 20, 56 * 80, 448, 640]]


@pytest.mark.parametrize(("fault", "told"), [("hang", "over 2 s"), ("die", "a driver's last words"),
                                             ("fail", "ValueError: no plan")])
def test_a_plan_that_goes_wrong_costs_nothing_but_itself(kit, monkeypatch, fault, told):
    monkeypatch.setattr(sessions, "CASE_LIMIT_S", 2)
    monkeypatch.setattr(sessions, "shapes_of", lambda bench: [("plain", bench.form("default", "plain"), 16, 640)])
    kit.model("det.onnx", {**DETECTOR, fault: "HEURISTIC"})
    sessions.measure_plans(kit.bench())
    plans = [plan for plan in kit.results("plan") if not plan["fused"]]
    assert len(plans) == 12
    for plan in plans:
        is_faulty = plan["options"]["cudnn_conv_algo_search"] == "HEURISTIC"
        assert ("error" in plan) == is_faulty and (not is_faulty or told in plan["error"])


def test_a_model_that_the_cpu_cannot_run_is_told_once(kit):
    kit.model("det.onnx", {"inputs": []})
    sessions.measure_plans(kit.bench())
    plain = [plan for plan in kit.results("plan") if plan["kind"] == "plain"]
    assert [plan["batch"] for plan in plain] == [2, 1, 4] and all("IndexError" in plan["error"] for plan in plain)


def test_a_detector_without_masks_is_measured_without(kit):
    (kit.folder / "models/det.masks").unlink()
    sessions.measure_plans(kit.bench())
    assert [(result["form"], result["exit_code"]) for result in kit.results("no form")] == [("masked", 1)]
    assert {plan["kind"] for plan in kit.results("plan")} == {"plain", "embedder"}


def test_a_step_stops_at_its_end(kit):
    kit.model("det.masks", {**MASKED, "hang": "DEFAULT"})
    bench = kit.bench()
    started = time.monotonic()
    bench.deadline = started + 4
    sessions.measure_plans(bench)
    assert time.monotonic() - started < 8
    assert kit.results()[-1]["what"] == "stopped"


def test_sessions_planned_at_once(kit):
    sessions.plan_at_once(kit.bench())
    results = kit.results("together")
    assert [(result["count"], len(result["seconds"])) for result in results] == [(n, n) for n in (1, 2, 4, 8)] * 2
    assert searches(results) == ["DEFAULT"] * 4 + ["HEURISTIC"] * 4


def test_profiles(kit):
    sessions.profile_runs(kit.bench())
    results = kit.results("profile")
    assert [result["model"] for result in results[::2]] == ["det.masked.onnx", "det.plain.onnx", "rec.aligned.onnx"]
    assert results[0]["operators"] == [{"operator": "Conv", "nodes": 2, "host_ms": 1.0, "mb": 3.0},
                                       {"operator": "Relu", "nodes": 1, "host_ms": 0.5, "mb": 1.5}]
    assert (results[0]["run_ms"], results[0]["mb"]) == (2.0, 4.5)
    assert len(kit.results("kernels")) == len(results)


def test_gaps_between_kernels():
    spans = [(100.0, 200.0, "a"), (150.0, 250.0, "b"), (400.0, 500.0, "a")]
    told = profiles.summarise_spans(spans)
    assert (told["launches"], told["busy_ms"], told["idle_ms"]) == (3, 0.25, 0.15)
    assert told["kernels"] == [{"kernel": "a", "launches": 2, "ms": 0.2}, {"kernel": "b", "launches": 1, "ms": 0.1}]


def test_the_device_is_looked_at(kit):
    sessions.look_at_device(kit.bench())
    assert kit.results("doctor")[0]["output"] == ["mien doctor --gpu --backend cuda"]
    assert [result["bytes"] for result in kit.results("transfer")] == [1_200_000] * 2 + [20_000_000] * 2


def test_the_environment_of_what_is_started(kit, monkeypatch):
    (kit.folder / "backends/cuda").mkdir(parents=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/elsewhere")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    bench = kit.bench(search="heuristic")
    environment = bench.environment(MORE="1")
    assert environment["MIEN_CUDNN_SEARCH"] == "heuristic" and environment["MORE"] == "1"
    assert environment["MIEN_BACKEND_DIR"] == str(kit.folder / "backends")
    assert environment["LD_LIBRARY_PATH"].split(":")[0] == str(kit.folder / "lib")
    assert environment["LD_LIBRARY_PATH"].split(":")[-1] == "/elsewhere"
    assert "MIEN_OPENVINO_LIBRARY" not in environment and "PYTHONPATH" not in environment
    environment = bench.python_environment()
    assert environment["PYTHONPATH"] == str(kit.folder / "python")
    assert str(kit.folder / "lib") not in environment["LD_LIBRARY_PATH"].split(":")


# --- scans ----------------------------------------------------------------------------------------------------------


@pytest.fixture(name="real")
def make_real_kit(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """With the program of this build, tiny models and the test device."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MIEN_TEST_DEVICE", str(TEST_DEVICE))
    (kit.folder / "bin/mien").unlink()
    (kit.folder / "bin/mien").symlink_to(Path(BINARY).resolve())
    subprocess.run([TINY_MODELS, str(kit.folder / "models")], check=True)
    for old, new in (("detector", "det"), ("embedder", "rec")):
        (kit.folder / f"models/{old}.onnx").rename(kit.folder / f"models/{new}.onnx")
    for name in ("obama.jpg", "chelsea.png"):
        shutil.copy(DEPS / "photos" / name, kit.folder / "photos/typical")
    monkeypatch.setattr(scans, "make_large_models", lambda bench: None)
    return kit


@needs_program
def test_scans_in_turns(real):
    bench = real.bench("test", scale=0.0002)
    scans.measure_scans(bench)
    results = real.results("scan")
    assert [(result["way"], result["turn"]) for result in results] == [("gpu", 1), ("cpu", 1), ("gpu", 2), ("cpu", 2)]
    for result in results:
        assert result["exit_code"] == 0, result["output"]
        assert result["photos"] == result["wanted"] == 4 == sum(result["each_second"])
        assert sum(result["places"]["face_detection"].values()) == 4
    assert set(results[1]["places"]["face_detection"]) == {"cpu"}
    # So few photos may all be the CPU's, which works while the device plans; but the device was there.
    assert ["backend=test" in " ".join(result["output"]) for result in results] == [True, False] * 2


@needs_program
def test_a_scan_that_takes_too_long_tells_what_it_did(real):
    bench = real.bench("test", scale=0.0002)
    real.program("slow", f'#!/bin/sh\necho "{{}}" >"$6"\nsleep 60\n')
    bench.described["mien"] = "bin/slow"
    started = time.monotonic()
    facts = scans.scan(bench, real.folder / "photos", [], 1.5)
    assert time.monotonic() - started < 20
    assert facts["exit_code"] is None and facts["photos"] == 1 and "places" not in facts


@needs_program
def test_copies_are_contents_of_their_own_with_the_same_pixels(real, tmp_path):
    copies = scans.make_copies(real.folder / "photos/typical", tmp_path / "copies", 6)
    out = tmp_path / "records.jsonl"
    models = [str(real.folder / "models" / name) for name in ("det.onnx", "rec.onnx")]
    subprocess.run([BINARY, "scan", str(copies), str(real.folder / "photos"), "--out", str(out), "--det", models[0],
                    "--rec", models[1], "--gpu=off", "--quiet"], check=True, timeout=120)
    records = list(scans.read_records(out).values())
    assert len({record["sha256"] for record in records}) == len(records) == 8
    for suffix in (".jpg", ".png"):
        same = [record for record in records if record["source"].endswith(suffix)]
        assert len(same) == 4 and len({json.dumps([record["phash"], record["faces"]]) for record in same}) == 1
    assert scans.make_copies(Path("/nonexistent"), tmp_path / "copies", 6) == copies  # made once


@needs_program
def test_agreement_and_ceilings(real):
    bench = real.bench("test")
    scans.measure_results(bench)
    agreements = real.results("agreement")
    assert [result["search"] for result in agreements] == ["default", "heuristic"]
    assert all(result["images"] == 2 and result["images_that_differ"] == 0 and result["box"] < 0.01
               for result in agreements)
    assert [result["limit_gb"] for result in real.results("ceiling")] == [0.5, 2, 8]
    assert {result["exit_code"] for result in real.results("ceiling")} == {0}


def test_what_differs_is_found():
    face = {"bbox": [0, 0, 10, 10], "landmarks": [[1, 1]], "det_score": 0.9, "embedding": [1.0, 0.0]}
    moved = {"bbox": [0, 0, 10, 10.5], "landmarks": [[1, 1.25]], "det_score": 0.8, "embedding": [0.6, 0.8]}
    gpu = {"a": {"faces": [moved]}, "b": {"faces": []}}
    told = scans.compare({"a": {"faces": [face]}, "b": {"faces": [face]}}, gpu)
    assert (told["images"], told["faces"], told["images_that_differ"]) == (2, 1, 1)
    assert (told["box"], told["landmark"]) == (0.5, 0.25)
    assert told["score"] == pytest.approx(0.1) and told["least_cosine"] == pytest.approx(0.6)


def test_webgpu_that_is_not_there_ends_its_step(kit):
    kit.program("mien", "#!/bin/sh\necho no adapter\nexit 3\n")
    scans.try_webgpu(kit.bench("webgpu"))
    assert [(result["what"], result["exit_code"]) for result in kit.results()] == [("doctor", 3)]


# --- the whole ------------------------------------------------------------------------------------------------------


def test_steps_run_in_their_order_within_the_whole_time(kit, monkeypatch):
    ran = []

    def take(number, limit_s):
        def step(bench):
            """A step."""
            ran.append((number, round(bench.left)))
            clock[0] += limit_s
        return limit_s, step

    clock = [1000.0]
    monkeypatch.setattr(common.time, "monotonic", lambda: clock[0])
    steps = {number: take(number, limit) for number, (limit, _) in on_a_gpu.STEPS.items()}
    monkeypatch.setattr(on_a_gpu, "STEPS", steps)
    arguments = ["--kit", str(kit.folder), "--output", str(kit.output), "--scratch", str(kit.scratch),
                 "--provider", "cpu"]
    assert on_a_gpu.main(arguments) == 0
    # 18 minutes: 8, 5, 2 and 2, then what is left of the minute of step 1.
    assert ran == [(2, 480), (5, 300), (3, 120), (6, 120), (1, 60)]
    assert kit.results()[-1]["what"] == "stopped" and kit.results()[-1]["step"] == 4
    assert max(limit for limit, _ in on_a_gpu.STEPS.values()) <= 8 * 60 and on_a_gpu.TOTAL_S == 18 * 60
    ran.clear()
    assert on_a_gpu.main([*arguments, "--step", "7", "--step", "4"]) == 0
    assert [number for number, _ in ran] == [7, 4]


def test_without_a_kit(tmp_path, capsys):
    assert on_a_gpu.main(["--kit", str(tmp_path)]) == 2
    assert "holds no kit: unpack it with bench/gpu_kit.py unpack" in capsys.readouterr().err


def scan_result(way: str, rate: float, each_second: list[int], **more) -> dict:
    return {"what": "scan", "photos_of": "typical", "wanted": 4000, "models": "default", "way": way, "turn": 1,
            "exit_code": 0, "photos": sum(each_second), "seconds": len(each_second), "photos_per_s": rate,
            "each_second": each_second, "places": {"face_detection": {"cuda": 10, "cpu": 2}}, **more}


def test_what_is_shown_of_scans():
    gpu = [0, 300, 900, 900, 900, 700, 250, 50]
    results = [scan_result("gpu", 500.0, gpu), scan_result("cpu", 200.0, [200] * 20),
               scan_result("gpu", 700.0, gpu, turn=2), scan_result("cpu", 200.0, [200] * 20, turn=2),
               scan_result("gpu", 999.0, gpu, turn=3, exit_code=None)]
    assert show.gains(results) == {("typical", 4000, "default"): [2.5, 3.5]}
    assert show.slowest_second(results[0]) == 250
    assert show.seconds_of_first(results[0], 2000) == 4 and show.seconds_of_first(results[0], 4001) is None
    text = show.show_scans(results)
    assert "| typical | 4000 | default | gpu | 1 | 4000 | 8 | 500.0 | 4 | 250 | cpu 2, cuda 10 |  |" in text
    assert "| typical | 4000 | default | 3.00 |" in text and "exit None" in text


def test_all_that_was_written_can_be_shown(kit):
    for step in (sessions.look_at_device, sessions.measure_plans, sessions.plan_at_once, sessions.profile_runs,
                 scans.try_jpegs):
        step(kit.bench())
    with kit.output.open("a") as stream:
        ceiling = {"what": "ceiling", "limit_gb": 2.0, "taken_mb": None, "exit_code": 0}
        for result in (scan_result("gpu", 1.0, [1]), ceiling):
            stream.write(json.dumps({**kit.results()[0], **result}) + "\n")
    done = subprocess.run([sys.executable, str(ROOT / "bench/on_a_gpu.py"), "--show", str(kit.output)],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for title in ("Plans", "Plans at once", "Profile", "Operators", "Scans", "Memory", "Copies", "Also"):
        assert f"### {title}\n" in done.stdout
    assert "; mien abc." in done.stdout.splitlines()[0]
