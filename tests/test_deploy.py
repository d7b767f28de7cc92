"""What is under deploy/ fits the server: its configs are valid, its times and addresses are those that count."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hubbub.core.cli import main

DEPLOY = Path(__file__).parent.parent / "deploy"
ENVIRONMENT = {"HUBBUB_SECRET": "s" * 64, "REDIS_URL": "redis://redis.example.com:6379"}
KUBERNETES: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "hubbub.yaml").read_text()))
BY_KIND = {each["kind"]: each for each in KUBERNETES}
COMPOSE = cast("dict[str, Any]", yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text()))
UNIT = (DEPLOY / "systemd" / "hubbub.service").read_text()
CONFIGS = {
    "compose": (DEPLOY / "compose" / "config.yaml").read_text(),
    "systemd": (DEPLOY / "systemd" / "config.yaml").read_text(),
    "kubernetes": cast(str, BY_KIND["ConfigMap"]["data"]["config.yaml"]),
}


def drain_timeout(name: str) -> float:
    found = re.search(r"drain_timeout: (\d+)", CONFIGS[name])
    assert found is not None
    return float(found[1])


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_is_valid_and_connects_servers_that_have_a_secret_in_common(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    (tmp_path / "config.yaml").write_text(CONFIGS[name])
    assert main(["check", "--config", str(tmp_path / "config.yaml")]) == 0
    said = capsys.readouterr().out
    assert "redis: url" in said
    assert "secret: " in said
    assert "s" * 64 not in said


def test_whoever_stops_a_server_waits_for_longer_than_it_drains() -> None:
    pod = BY_KIND["Deployment"]["spec"]["template"]["spec"]
    before = float(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > before + drain_timeout("kubernetes") + 5
    found = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert found is not None
    assert float(found[1]) > drain_timeout("systemd") + 5
    for node in ("one", "two"):
        assert seconds(COMPOSE["services"][node]["stop_grace_period"]) > drain_timeout("compose") + 5


def test_nothing_pins_a_client_to_a_server() -> None:
    balancer = (DEPLOY / "compose" / "Caddyfile").read_text()
    assert re.search(r"lb_policy least_conn$", balancer, re.MULTILINE)
    assert "sessionAffinity" not in BY_KIND["Service"]["spec"]


def test_who_asks_for_health_asks_where_it_is_told() -> None:
    container = BY_KIND["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert (
        container["livenessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/healthz"
    )
    assert "health_uri /readyz" in (DEPLOY / "compose" / "Caddyfile").read_text()


def test_the_parts_of_the_manifests_fit_together() -> None:
    deployment = BY_KIND["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels == BY_KIND["Service"]["spec"]["selector"]
    assert BY_KIND["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    container = deployment["template"]["spec"]["containers"][0]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"http": yaml.safe_load(re.sub(r"!env \w+", "x", CONFIGS["kubernetes"]))["server"]["port"]}
    assert BY_KIND["Service"]["spec"]["ports"][0]["targetPort"] == "http"


def test_the_files_that_compose_mounts_and_builds_from_are_there() -> None:
    folder = DEPLOY / "compose"
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (folder / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    build = COMPOSE["services"]["one"]["build"]
    assert (folder / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE):
        for name in source.split():
            assert (folder / build["context"] / name).exists()


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


def test_caddy_understands_its_file() -> None:
    file = str(DEPLOY / "compose" / "Caddyfile")
    command = [tool("caddy"), "validate", "--adapter", "caddyfile", "--config", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr


def test_systemd_understands_its_unit(tmp_path: Path) -> None:
    unit = tmp_path / "hubbub.service"
    unit.write_text(UNIT.replace("/opt/hubbub/bin/hubbub", shutil.which("true") or "/bin/true"))
    command = [tool("systemd-analyze"), "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert "hubbub.service" not in done.stderr
