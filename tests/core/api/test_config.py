"""The keys in config.yaml: which are good, and that none is shown."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hubbub.core.api.config import ApiConfig, ApiKey
from hubbub.core.app import create_app
from hubbub.core.config import LoadedConfig, load_config
from hubbub.core.config_errors import ConfigError
from hubbub.core.report import report_config

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"


def load(folder: Path, text: str) -> LoadedConfig:
    (folder / "config.yaml").write_text(text)
    return load_config(folder / "config.yaml", {"SECRET": SECRET})


def mistakes(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


def test_without_the_section_there_is_no_key(tmp_path: Path) -> None:
    assert load(tmp_path, "plugins: {chat: }").config.api == ApiConfig()
    assert load(tmp_path, "api:\n  keys:\n").config.api.keys == []


def test_a_key_may_do_in_every_room_what_its_scopes_say(tmp_path: Path) -> None:
    api = load(tmp_path, "api: {keys: [{name: shop, key: !env SECRET, scopes: [publish, read]}]}").config.api
    assert (api.keys[0].scopes, api.keys[0].rooms) == (["publish", "read"], ["*"])
    assert api.keys[0].digest == hashlib.sha256(SECRET.encode()).digest()


def test_in_place_of_a_key_its_hash_may_stand() -> None:
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    key = ApiKey.model_validate({"name": "shop", "key": f"sha256:{digest}", "scopes": ["read"]})
    assert key.digest.hex() == digest


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            "{name: a, key: short, scopes: [read]}",
            "at least 32 characters, and this one has 5. Make one with: openssl",
        ),
        (f"{{name: a, key: '{SECRET} ü', scopes: [read]}}", "only letters, digits and"),
        ("{name: a, key: 'sha256:12', scopes: [read]}", "in 64 hex digits"),
        ("{name: a, key: !env SECRET, scopes: []}", "at least 1 entry"),
        ("{name: a, key: !env SECRET, scopes: [reed]}", "Did you mean 'read'?"),
        ("{name: a, key: !env SECRET, scopes: [read], rooms: []}", "at least 1 entry"),
        ("{name: 'a b', key: !env SECRET, scopes: [read]}", "api.keys[0].name: expected text that matches"),
        ("{key: !env SECRET, scopes: [read]}", "api.keys[0].name: is missing"),
        ("{name: a, key: !env SECRET, scope: read}", "Did you mean 'scopes'?"),
        ("{name: a, key: !env SECRET, scopes: [read]}, {name: a, key: !env SECRET, scopes: [read]}", "called 'a'"),
        (
            "{name: a, key: !env SECRET, scopes: [read]}, {name: b, key: !env SECRET, scopes: [read]}",
            "the same key",
        ),
    ],
)
def test_a_mistake_is_explained_without_the_key(tmp_path: Path, entry: str, told: str) -> None:
    text = mistakes(tmp_path, f"api: {{keys: [{entry}]}}")
    assert told in text
    assert SECRET not in text
    assert "config.yaml:1" in text


def test_a_key_is_shown_nowhere(tmp_path: Path) -> None:
    loaded = load(tmp_path, f"api: {{keys: [{{name: shop, key: {SECRET}, scopes: [read], rooms: [team-*]}}]}}")
    api = loaded.config.api
    assert SECRET not in repr(loaded.config)
    assert SECRET not in json.dumps(api.model_dump(mode="json"))
    report = report_config(loaded, create_app(loaded).state.hub)
    assert "  api      shop: may read; rooms team-*\n" in report
    assert SECRET not in report


def test_check_says_that_the_api_is_off(tmp_path: Path) -> None:
    loaded = load(tmp_path, "plugins: {chat: }")
    assert "  api      off, as no key is under api.keys\n" in report_config(loaded, create_app(loaded).state.hub)
