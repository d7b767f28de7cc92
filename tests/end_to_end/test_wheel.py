"""What is published works alone: no checkout, no test tools, only what the wheel asks for."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from .conftest import Connect
from .running_server import RunningServer

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "plugins", "protocol")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as a publisher builds it."""
    source, built = tmp_path_factory.mktemp("source") / "hubbub", tmp_path_factory.mktemp("built")
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", built, source], built)
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def hubbub(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `hubbub`, installed from the wheel into an environment of its own."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python"]
    run([*pip, "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel], folder)
    return folder / "bin" / "hubbub"


def run(command: list[str | Path], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_has_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {
        f"hubbub/{path.relative_to(ROOT).as_posix()}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if not name.split("/")[0].endswith(".dist-info")} == ours
    assert {f"hubbub/{package}/py.typed" for package in PACKAGES} <= ours
    assert {"hubbub/core/default_config.yaml", "hubbub/core/page/index.html"} <= ours
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_its_command_tells_its_version_its_config_and_its_plugins(hubbub: Path, tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert run([hubbub, "version"], tmp_path) == f"hubbub {project['version']}\n"
    assert "chat" in run([hubbub, "check"], tmp_path)
    plugins = run([hubbub, "plugins"], tmp_path)
    assert all(name in plugins for name in project["entry-points"]["hubbub.plugins"])


def test_it_serves_people_and_the_page_from_an_empty_folder(
    hubbub: Path, tmp_path: Path, connect: Connect
) -> None:
    server = RunningServer(tmp_path, command=[str(hubbub)])
    alice, bob = connect(server, "/ws?user=alice"), connect(server, "/ws?user=bob")
    bob.wait_for(event="joined", user="bob")
    alice.send(type="message", content="from a wheel")
    assert bob.wait_for(type="message")["content"] == "from a wheel"
    status, page = server.get("/")
    assert status == 200
    assert "<script" in page
    assert server.get("/page/app.js")[0] == 200
    assert server.stop() == 0
