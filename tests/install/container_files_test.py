"""Dockerfile and docker-compose.yml name what the rest of the tree names; ./dev container builds and runs them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()


def stage(name: str) -> str:
    return re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.M | re.S).group(1)


def test_the_image_has_the_libraries_that_mien_calls():
    installed = re.search(r"apt-get install -y --no-install-recommends (.*?)&&", stage("runtime"), re.S).group(1)
    packages = installed.replace("\\", " ").split()
    block = re.search(r"set\(MIEN_COMPONENTS\n(.*?)\n\)", (ROOT / "cmake/components.cmake").read_text(), re.S).group(1)
    for row in re.findall(r'"([^"]+)"', block):
        name, _, how, _, package, *_ = row.split("|")
        # Where the row names a -dev package, the library's own has the same name and a number.
        wanted = re.compile(re.escape(package).replace(r"\-dev", r"\d+") + "$")
        assert how in ("inside", "bundled") or any(map(wanted.match, packages)), name


def exported(library: Path, defined: bool) -> set[str]:
    table = subprocess.run(["readelf", "--wide", "--dyn-syms", library], capture_output=True, text=True,
                           check=True).stdout
    rows = [line.split() for line in table.splitlines() if re.match(r"\s*\d+:", line)]
    return {row[7].split("@")[0] for row in rows if len(row) > 7 and (row[6] != "UND") == defined}


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize(("user", "symbols"), [("libheif.so.1", "x265_"), ("libicuuc.so.72", "icudt72_")])
def test_what_takes_the_place_of_a_library_has_its_symbols(tmp_path, user, symbols):
    library = next(iter(sorted(Path("/usr/lib").glob(f"*-linux-gnu/{user}"))), None)
    if library is None:
        pytest.skip(f"{user} of Debian 12 is not here")
    absent = tmp_path / "absent.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", absent, ROOT / "docker/absent_libraries.c"], check=True)
    wanted = {name for name in exported(library, False) if name.startswith(symbols)}
    assert wanted and wanted <= exported(absent, True)


def test_the_image_ends_and_tells_as_the_service_does():
    runtime = stage("runtime")
    for line in ("USER 10001:10001", "STOPSIGNAL SIGTERM", 'CMD ["mien", "health"]', 'CMD ["serve"]'):
        assert line in runtime
    assert re.search(r"^FROM runtime AS cpu\s*\Z", DOCKERFILE, re.M), "the default is the last stage"


def test_compose_waits_longer_than_the_service_drains():
    settings = (ROOT / "src/base/settings_table.cpp").read_text()
    drain = int(re.search(r'int_row\("MIEN_DRAIN_SECONDS", (\d+)', settings).group(1))
    assert int(re.search(r"stop_grace_period: (\d+)s", COMPOSE).group(1)) > drain


def test_compose_has_the_guides_service_and_no_rights():
    assert re.findall(r"^  ([\w-]+):\n    image:", COMPOSE, re.M) == ["backend", "backend-gpu"]
    for line in ("network_mode: host", "read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "10001:10001"):
        assert line in COMPOSE
