"""The stores as the config names them."""

import sys
from pathlib import Path

import pytest
from hubbub.core import PluginError
from hubbub.core.cli import main
from hubbub.core.config import ServerConfig
from hubbub.plugins.history.plugin import HistoryConfig
from hubbub.plugins.history.stores import STORES, TIMEOUT, make_store

from .conftest import Run
from .filling import fill, stored
from .servers import JetStream, Redis


def works(run: Run, options: dict[str, object]) -> bool:
    store = make_store(HistoryConfig.model_validate(options))
    run(store.start())
    run(fill(store, "lobby", 3))
    found = run(store.read("lobby", 0, 10))
    run(store.stop())
    return found == stored(1, 2, 3)


def test_the_config_makes_a_store_in_memory(run: Run) -> None:
    assert works(run, {})


def test_a_store_gives_up_before_the_hook_that_waits_for_it_would() -> None:
    assert ServerConfig().hook_timeout > TIMEOUT + 1


def test_the_config_makes_a_store_in_a_file(run: Run, tmp_path: Path) -> None:
    assert works(run, {"store": "sqlite", "path": str(tmp_path / "here.db")})
    assert (tmp_path / "here.db").exists()


def test_the_config_makes_a_store_in_postgresql(run: Run, postgres_url: str) -> None:
    assert works(run, {"store": "postgres", "url": postgres_url})


def test_the_config_makes_a_store_in_redis(run: Run, redis: Redis) -> None:
    assert works(run, {"store": "redis", "url": f"{redis.url}?db=9"})


def test_the_config_makes_a_store_in_jetstream(run: Run, jetstream: JetStream) -> None:
    options = {"stream": "here", "storage": "memory"}
    assert works(run, {"store": "jetstream", "url": jetstream.url, "jetstream": options})


URLS = {"postgres": "postgresql://", "redis": "redis://", "jetstream": "nats://"}


@pytest.mark.parametrize("store", URLS)
@pytest.mark.parametrize(
    ("url", "said"), [(None, "needs a url"), ("http://me:hunter22@host", "is not one: write")], ids=str
)
def test_a_url_that_is_missing_or_none_is_explained_before_anything_starts(
    store: str, url: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"plugins:\n  history:\n    store: {store}\n" + (f"    url: {url}\n" if url else ""))
    assert main(["check", "--config", str(config)]) == 1
    errors = capsys.readouterr().err
    assert said in errors
    assert URLS[store] in errors
    assert "hunter22" not in errors


@pytest.mark.parametrize(
    ("store", "module", "extra"),
    [("postgres", "psycopg", "postgres"), ("redis", "redis", "redis"), ("jetstream", "nats", "nats")],
)
def test_an_extra_that_is_not_installed_is_named(
    store: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.split(".")[0] == module or name.startswith(f"hubbub.plugins.history.{store}"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    config = HistoryConfig.model_validate({"store": store, "url": f"{URLS[store]}host"})
    with pytest.raises(PluginError, match=rf'pip install "hubbub\[{extra}\]"'):
        make_store(config)


MISTAKES = {
    "store: mysql": (2, "store", "there is no store 'mysql'; there are: " + ", ".join(STORES)),
    "path: here.sqlite": (2, "path", "is for store: sqlite; but store is memory. Change one, or remove this."),
    "store: sqlite\n    url: sqlite:///here": (
        3,
        "url",
        "is for store: postgres, redis, jetstream; but store is",
    ),
}


@pytest.mark.parametrize("options", MISTAKES)
def test_a_store_and_options_that_do_not_go_together_are_named_with_their_line(
    options: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line, key, said = MISTAKES[options]
    config = tmp_path / "config.yaml"
    config.write_text(f"plugins:\n  history:\n    {options}\n")
    assert main(["check", "--config", str(config)]) == 1
    assert f"{config}:{line + 1}: plugins.history.{key}: {said}" in capsys.readouterr().err
