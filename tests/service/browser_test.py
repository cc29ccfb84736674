"""The page at / in a real browser: photos, comparison, counters, by keyboard alone, without barriers and requests of
others, and what a person sees of files that are none."""

import json
import subprocess

import pytest

from browsing import PHOTOS, look, needs_browser, run

Image = pytest.importorskip("PIL.Image", reason="python3-pil is missing")
from PIL import ImageFilter, ImageOps, PngImagePlugin  # noqa: E402

ORIENTATION = 0x0112
# What a camera that was held so stores of an upright picture, by the orientation that it writes beside it.
STORED = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
          4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
          7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}
PIXEL_TOLERANCE = 8  # gray levels in the mean, of a picture that was reduced by two programs

pytestmark = needs_browser


def write_oriented(folder, orientation):
    """A JPEG that is upright only by its EXIF."""
    with Image.open(PHOTOS / "obama2.jpg") as upright:
        upright.thumbnail((900, 900))
        stored = upright if STORED[orientation] is None else upright.transpose(STORED[orientation])
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        path = folder / f"orientation-{orientation}.jpg"
        stored.save(path, quality=92, exif=exif)
    return path


def reduced(path, side=32):
    with Image.open(path) as image:
        return list(ImageOps.exif_transpose(image).convert("L").resize((side, side), Image.Resampling.BOX).getdata())


def blurred(folder, name, radius):
    with Image.open(PHOTOS / name) as image:
        path = folder / f"blurred-{name}"
        image.convert("RGB").filter(ImageFilter.GaussianBlur(radius)).save(path, quality=92)
    return path


def record_of(service, path):
    answer = service.post("/v1/analyze?embeddings=base64", path.read_bytes())
    assert answer.status == 200, answer.body
    return answer.json()


def as_boxes(faces):
    return [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in (face["bbox"] for face in faces)]


def close(seen, expected, tolerance):
    assert len(seen) == len(expected)
    for one, other in zip(seen, expected):
        assert one == pytest.approx(other, abs=tolerance)


# ---- Photos


def test_boxes_lie_at_the_pixels_of_the_record(service, tmp_path):
    files = [write_oriented(tmp_path, orientation) for orientation in STORED] + [PHOTOS / "solvay_conference_1927.jpg"]
    seen = look(service, "photos", tmp_path, files=files)
    for path, page in zip(files, seen, strict=True):
        record = record_of(service, path)
        assert record["faces"], path
        assert page["kind"] == "IMG" and page["note"] == "", path
        assert page["natural"] == page["shape"] == [record["width"], record["height"]]
        close(page["boxes"], as_boxes(record["faces"]), 0.01)
        close(page["onScreen"], as_boxes(record["faces"]), 3 / page["scale"])
        assert page["points"] == 5 * len(record["faces"])
    for path, page in zip(files[:-1], seen):  # the last has details that two ways of reducing show differently
        difference = [abs(a - b) for a, b in zip(page["pixels"], reduced(path), strict=True)]
        assert sum(difference) / len(difference) < PIXEL_TOLERANCE, path


def test_what_is_said_of_a_face(service, tmp_path):
    path = blurred(tmp_path, "obama.jpg", 9)
    good, poor = look(service, "photos", tmp_path, files=[PHOTOS / "obama.jpg", path])
    record = record_of(service, path)
    assert record["faces"][0]["poor_reason"] == "too_blurred"
    assert poor["poor"] == 1 and good["poor"] == 0
    assert "Poor: too blurred (blur score" in poor["rows"][0] and "Poor" not in good["rows"][0]
    face = record_of(service, PHOTOS / "obama.jpg")["faces"][0]
    for value in (face["quality"]["overall_score"], face["recognition_quality"], face["det_score"]):
        assert f"{value:.2f}" in good["rows"][0]
    assert {row.split("cpu")[0] for row in good["placement"]} >= {"face detection", "face embedding", "quality checks"}


def test_a_format_that_browsers_do_not_show(service, tmp_path):
    path = tmp_path / "scan.tif"
    with Image.open(PHOTOS / "obama2.jpg") as image:
        image.save(path)
    (page,) = look(service, "photos", tmp_path, files=[path])
    record = record_of(service, path)
    assert page["kind"] == "CANVAS" and "cannot show a picture of this format" in page["note"]
    assert page["shape"] == [record["width"], record["height"]]
    close(page["boxes"], as_boxes(record["faces"]), 0.01)
    close(page["onScreen"], as_boxes(record["faces"]), 3 / page["scale"])


def test_a_picture_that_browsers_turn_otherwise(service, tmp_path):
    """Chromium does not look for an orientation in XMP."""
    path = tmp_path / "turned.png"
    about = PngImagePlugin.PngInfo()
    xmp = ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
           '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF>'
           '</x:xmpmeta>')
    about.add_itxt("XML:com.adobe.xmp", xmp)
    with Image.open(PHOTOS / "obama2.jpg") as image:
        image.thumbnail((700, 700))
        stored = image.transpose(STORED[6])
        stored.save(path, pnginfo=about)
    (page,) = look(service, "photos", tmp_path, files=[path])
    record = record_of(service, path)
    assert [record["height"], record["width"]] == list(stored.size), "mien has turned it"
    assert page["kind"] == "CANVAS" and f"shows the picture as {stored.width} x {stored.height}" in page["note"]
    assert page["shape"] == [record["width"], record["height"]]
    close(page["onScreen"], as_boxes(record["faces"]), 3 / page["scale"])


def test_a_picture_is_pasted(service, tmp_path):
    seen = look(service, "paste", tmp_path, file=PHOTOS / "obama2.jpg")
    assert seen.startswith("1 of 1 photo done · 1 face")


def test_many_photos_are_sent_a_few_at_a_time(service, tmp_path):
    files = write_many(tmp_path, 70)
    seen = look(service, "manyPhotos", tmp_path, files=files)
    assert seen["openMost"] <= 4
    assert seen["early"].startswith("0 of") or "to come" in seen["early"], "results as they come"
    assert seen["thumbs"] == [60, 10] and seen["nodes"] < 1500
    assert seen["summary"].startswith("70 of 70 photos done") and seen["said"].startswith("70 photos done")


def write_many(folder, number):
    """Different small pictures; one in ten is broken."""
    (folder / "many").mkdir()
    paths = []
    for i in range(number):
        paths.append(folder / "many" / f"{i:03}.jpg")
        Image.new("RGB", (64, 64), (i % 256, i // 256, 99)).save(paths[-1])
    return paths


def test_files_that_are_no_photos(service, tmp_path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "one.jpg").write_bytes((PHOTOS / "obama2.jpg").read_bytes())
    (folder / "notes.txt").write_text("x")
    files = {"film.mp4": b"\0" * 100, "broken.jpg": b"\xff\xd8\xff\xe0" + b"x" * 200, "empty.jpg": b"",
             "text.jpg": b"no photo"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with (tmp_path / "huge.tif").open("wb") as huge:
        huge.truncate(10 * 2**30)  # takes no room
    (tmp_path / "nothing").mkdir()
    names = [*files, "huge.tif", "holiday", "nothing"]
    seen = look(service, "badFiles", tmp_path, files=[tmp_path / name for name in names])

    def shown(name):
        return " ".join(seen[name]["said"] + seen[name]["shown"])

    assert "a video: mien looks at photos, and nothing was sent" in shown("film.mp4")
    assert "empty file" in shown("empty.jpg")
    assert "10.0 GB: the service takes at most 64 MB" in shown("huge.tif") and "--body-mb" in shown("huge.tif")
    assert service.post("/v1/analyze", files["broken.jpg"]).message in shown("broken.jpg")
    assert service.post("/v1/analyze", files["text.jpg"]).message in shown("text.jpg")
    assert "1 of 1 photo done · 1 face · 1 photo in 1 folder, 1 other file left out" in shown("holiday")
    assert "0 photos in 1 folder" in shown("nothing")


def test_no_room_and_a_service_that_is_gone(service, tmp_path):
    seen = look_in_spite(service, "patience", tmp_path, file=PHOTOS / "obama2.jpg")
    assert seen["afterRefusals"].startswith("1 of 1 photo done")
    assert "does not answer at 127.0.0.1" in seen["gone"]
    assert "waits for the service" in seen["meanwhile"]
    assert seen["afterReturn"].startswith("1 of 1 photo done")


def look_in_spite(service, scenario, tmp_path, **options):
    """look(), where the scenario itself breaks connections, of which the browser complains."""
    seen = run(service, scenario, tmp_path, **options)
    assert seen["failures"] == [], seen["failures"][0]
    return seen["result"]


def test_a_file_that_goes_away_meanwhile(service, tmp_path):
    path = tmp_path / "here.jpg"
    path.write_bytes((PHOTOS / "obama2.jpg").read_bytes())
    text = look(service, "goneFile", tmp_path, file=path, moved=tmp_path / "there.jpg")
    assert "here.jpg can no longer be read" in text


# ---- Compare


def pair(service, a, b):
    return service.post_form("/v1/compare", [("a", "a", a.read_bytes()), ("b", "b", b.read_bytes())])


def test_two_photos_of_one_person(service, tmp_path):
    a, b = PHOTOS / "obama.jpg", PHOTOS / "obama2.jpg"
    seen = look(service, "compare", tmp_path, a=a, b=b)
    answer = pair(service, a, b).json()
    assert answer["verdict"] == "same" and seen["verdict"].startswith("The same person")
    assert f"{answer['similarity']:.4f}" in seen["verdict"] and f"{answer['threshold']:.4f}" in seen["verdict"]
    assert f"rate {answer['false_match_rate']:g}" in seen["verdict"]
    close(seen["boxes"], as_boxes([answer["a"], answer["b"]]), 0.01)


def test_a_pair_that_is_not_comparable(service, tmp_path):
    a, b = blurred(tmp_path, "obama.jpg", 9), blurred(tmp_path, "biden.jpg", 9)
    answer = pair(service, a, b).json()
    assert answer["verdict"] == "not_comparable"
    text = look(service, "compare", tmp_path, a=a, b=b)["verdict"]
    assert text.startswith("Not comparable") and "Both faces are poor (A is too blurred, B is too blurred)" in text


def test_a_photo_without_a_face_is_named(service, tmp_path):
    seen = look(service, "compare", tmp_path, a=PHOTOS / "obama.jpg", b=PHOTOS / "coffee.png")
    assert "Photo B: no face was found" in seen["verdict"]
    assert seen["problems"][0] == "" and "no face was found" in seen["problems"][1]


# ---- Devices, calls, bench


def test_counters_move_and_are_those_of_metrics(service, tmp_path):
    seen = look(service, "devices", tmp_path, file=PHOTOS / "obama.jpg", times=3)
    assert seen["after"]["ok"] == seen["before"].get("ok", 0) + 3
    assert seen["after"]["faces in them"] == seen["before"]["faces in them"] + 3
    metrics = service.get("/metrics").body.decode()
    assert f'mien_images_total{{result="ok"}} {seen["after"]["ok"]}' in metrics
    assert f'mien_faces_total {seen["after"]["faces in them"]}' in metrics
    assert len(seen["charts"]) == 6 and all("now, at most" in label for label in seen["labels"])
    for backend in service.get("/v1/devices").json()["backends"]:
        assert backend["name"] in seen["text"]
        assert all(device["name"] in seen["text"] for device in backend["devices"])
    assert "face detection" in seen["text"] and "None: everything ran where it was asked to" in seen["text"]


GPU_METRICS = """
# TYPE mien_images_total counter
mien_images_total{result="ok"} 40
mien_operation_images_total{operation="face_detection",requested="gpu",ran="mixed"} 40
mien_fallback_images_total{operation="face_detection",reason="no_answer"} 7
mien_breaker_open{operation="face_detection"} 1
mien_breaker_open{operation="face_embedding"} 0
mien_device_memory_bytes{device="A \\"quick\\" GPU 1",kind="total"} 8589934592
mien_device_memory_bytes{device="A \\"quick\\" GPU 1",kind="free"} 4294967296
mien_device_memory_bytes{device="A \\"quick\\" GPU 1",kind="held"} 2147483648
mien_device_memory_bytes{device="A \\"quick\\" GPU 1",kind="ceiling"} 3221225472
"""


def test_a_gpu_its_memory_and_its_fallbacks(service, tmp_path):
    device = {"id": 1, "name": 'A "quick" GPU', "backend": "cuda", "memory_total_mb": 8192, "memory_free_mb": 4096,
              "memory_used_mb": 4096, "memory_held_mb": 0, "unified_memory": False, "software": False,
              "driver": "999.1", "cores": 0, "features": ""}
    devices = {"backends": [{"name": "cuda", "status": "ready", "devices": [device]},
                            {"name": "rocm", "status": "no device", "devices": []}],
               "requested": {"face_detection": "gpu"}}
    seen = look(service, "gpu", tmp_path, metrics=GPU_METRICS, devices=devices)
    assert seen["memory"] == [['Memory of A "quick" GPU: mien 2.0 GB, others 2.0 GB, free 4.0 GB', 25, 25]]
    for text in ("mien takes at most 3.0 GB", "driver 999.1", "no answer", "face detection gpu",
                 "The GPU failed and is left alone for a while: face detection."):
        assert text in seen["text"], text


def test_calls_are_those_of_openapi_and_run(service, tmp_path, photo):
    seen = dict(look(service, "calls", tmp_path))
    expected = {f"{method.upper()} {path}" for path, row in service.get("/openapi.json").json()["paths"].items()
                for method in row if method != "head" and path != "/"}
    assert set(seen) == expected
    for name in ("photo.jpg", "other.jpg"):
        (tmp_path / name).write_bytes(photo)
    for call in ("POST /v1/analyze", "POST /v1/compare", "POST /v1/batch", "GET /metrics", "GET /v1/devices"):
        done = subprocess.run(["sh", "-c", seen[call]], cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "MIEN_KEY": "none"},
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 and done.stdout, (call, done.stderr, done.stdout)


def test_an_address_that_is_none_shows_the_page(service, tmp_path):
    assert look(service, "viewsAt", tmp_path, hashes=["#%", "#bench/%E0%A4%A", "#%62ench"]) == [
        "view-photos", "view-bench", "view-bench"]


def bench_result(gpu_ms, fell_back=False):
    def row(ms, gpu, batch):
        return {"median_time_ms": ms, "p95_time_ms": ms, "mean_throughput": 1000 / ms, "peak_memory_mb": 300,
                "peak_gpu_memory_mb": 90, "error_rate": 0, "batch_size": batch, "fell_back": gpu and fell_back,
                "placement": {"requested": "gpu" if gpu else "cpu", "ran": "cuda" if gpu and not fell_back else "cpu"}}
    return {"timestamp": "2026-11-30T10:00:00Z",
            "system_info": {"cpu": "a CPU", "cpu_cores": 2, "gpu": "a GPU", "gpu_unavailable_because": None,
                            "runtime": "r", "mien": "0.1.0"},
            "benchmark_results": {"face_detection": {
                "small": {"gpu_false": row(10, False, 1), "gpu_true": row(gpu_ms, True, 1)},
                "large": {"gpu_false": {"batch_1": row(40, False, 1), "batch_10": row(30, False, 10)}}}},
            "analysis": {"performance_gains": {"face_detection": {"small": {"time_improvement_percent": 80}}},
                         "recommendations": {"face_detection": {"small": "enable_gpu"}},
                         "optimal_configurations": {"face_detection": {"small": {
                             "device": "cuda", "batch_size": 1, "median_time_ms": gpu_ms}}}}}


def test_the_chart_of_a_benchmark(service, tmp_path):
    contents = {"good.json": bench_result(2), "fell.json": bench_result(12, fell_back=True), "other.json": {"a": 1},
                "list.json": [1], "odd.json": {"benchmark_results": {"x": {"small": {"gpu_true": {"batch_1": 3}}}}}}
    contents["broken.json"] = bench_result(2)
    contents["broken.json"]["analysis"]["optimal_configurations"]["face_detection"]["small"] = {"device": "cuda"}
    for name, content in contents.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "photo.json").write_bytes(b"\xff\xd8")
    good, fell, other, a_list, odd, broken, photo = look(
        service, "bench", tmp_path, files=[tmp_path / name for name in [*contents, "photo.json"]])
    assert good["bars"] == [["cpu", 25], ["gpu", 5], ["cpu", 100], ["cpu", 75]]
    assert "+80 %" in good["text"] and "the GPU" in good["text"]
    assert [kind for kind, _ in fell["bars"]] == ["cpu", "fell", "cpu", "cpu"] and "counts as no gain" in fell["text"]
    for page, why in ((other, "it has no benchmark_results"), (a_list, "it is no JSON object"),
                      (odd, "has no median_time_ms"), (broken, "another form"), (photo, "it is no JSON")):
        assert why in page["problem"] or "is no object" in page["problem"]
        assert "gpu_benchmark_results.json" in page["problem"]
        assert page["bars"] == fell["bars"], "what was shown before stays"


# ---- People


def test_by_keyboard_alone(service, tmp_path):
    seen = look(service, "keyboard", tmp_path, a=PHOTOS / "obama.jpg", b=PHOTOS / "obama2.jpg")
    assert seen["first"] == "obama.jpg" and seen["next"] == "obama2.jpg"
    assert seen["marked"] == 1 and seen["pressed"] == 1
    assert seen["byArrow"] == "obama2.jpg" and seen["focused"].startswith("obama2.jpg: 1 face")
    assert "next photo" in seen["keys"]
    assert seen["verdict"] == "The same person"


@pytest.mark.parametrize("width", [1280, 360])
def test_no_barriers(service, tmp_path, width):
    check_barriers(service, tmp_path, "light", width)


def check_barriers(service, tmp_path, theme, width):
    (tmp_path / "bench.json").write_text(json.dumps(bench_result(2)))
    seen = look(service, "barriers", tmp_path, theme=theme, width=width, benchFile=tmp_path / "bench.json",
                a=[PHOTOS / "obama.jpg", blurred(tmp_path, "obama3.jpg", 14)], b=[PHOTOS / "obama2.jpg"])
    assert len(seen) == 7
    assert {name: view["axe"] for name, view in seen.items() if view["axe"]} == {}
    assert {name: view["wide"] for name, view in seen.items() if view["wide"] > width} == {}, "sideways"


def test_without_javascript(service, tmp_path):
    seen = look(service, "withoutScript", tmp_path)
    assert "This page needs JavaScript" in seen["text"] and "/people/list" in seen["links"]


# ---- Who may do what


def test_a_key_is_asked_for_and_kept_in_memory_alone(start, mien, tmp_path):
    key = mien("keys", "add", "person").stdout.strip()
    path = tmp_path / "home" / ".config" / "mien" / "keys"
    service = start("--key-file", str(path))
    seen = look(service, "asksForKey", tmp_path, file=PHOTOS / "obama2.jpg", key=key)
    assert "not one of this service" in seen["problem"]
    assert seen["summary"].startswith("1 of 1 photo done")
    assert key not in seen["kept"]
    assert "a key is needed" in seen["cancelled"]


def test_markup_in_names_and_exif_never_runs(service, tmp_path):
    marks = "<img src=x onerror='window.ran=1'><script>window.ran=2</script>"
    exif = Image.Exif()
    for tag in (0x010E, 0x010F, 0x0110, 0x0131, 0x013B, 0x8298, 0x0132, 0x9003):  # texts, and dates that are none
        exif[tag] = marks
    path = tmp_path / "marked.jpg"
    with Image.open(PHOTOS / "obama2.jpg") as image:
        image.save(path, exif=exif)
    bench = bench_result(2)
    bench["benchmark_results"][marks] = bench["benchmark_results"]["face_detection"]
    bench["system_info"]["cpu"] = marks
    named = [{"name": f"{marks}.jpg", "path": path}, {"name": f"javascript:alert(1) {marks}.jpg", "path": path},
             {"name": f"{marks}.mp4", "path": path, "type": "video/mp4"}]
    seen = look(service, "markup", tmp_path, named=named, bench=json.dumps(bench))
    assert seen["ran"] is None and seen["foreign"] == 0
    assert all("<script>" in text for text in seen["texts"]), "it is shown as it is"


def test_what_the_policy_forbids_does_not_happen(service, tmp_path):
    seen = run(service, "policy", tmp_path)
    assert seen["failures"] == [] and seen["result"]["ran"] is None
    assert {name.split("-")[0] for name in seen["result"]["violations"]} == {"script", "style", "img"}
