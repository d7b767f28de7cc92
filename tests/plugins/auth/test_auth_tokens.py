import asyncio
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hubbub.core import Handshake, Identity, PluginError
from hubbub.core.config import config_from
from hubbub.core.hub import Hub
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.auth_tokens import AuthTokens
from hubbub.plugins.auth_tokens.__main__ import main
from hubbub.plugins.auth_tokens.token_file import digest_of

ALICE, BOB = "hub_alices-token", "hub_bobs-token"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.yaml"
    write(path, entry(ALICE, "alice", groups=["staff"]), entry(BOB, "bob"))
    return path


def entry(token: str, user: str, **fields: Any) -> dict[str, Any]:
    return {"user": user, "sha256": digest_of(token), **fields}


def write(path: Path, *entries: object) -> None:
    path.write_text(yaml.safe_dump(list(entries)))


def hub_with(file: Path, **options: object) -> HubForTests:
    return HubForTests(
        {"chat": {}, "auth_tokens": {"file": str(file), **options}}, plugins={"auth_tokens": AuthTokens}
    )


def connect(hub: HubForTests, token: str) -> ClientForTests:
    return hub.connect(query={"token": token})


def reread(hub: HubForTests) -> None:
    """Do now what is done every ``poll_seconds``: the thread that reads knows nothing of the virtual clock."""
    plugin = hub.hub.plugins["auth_tokens"]
    assert isinstance(plugin, AuthTokens)

    async def take_over() -> None:
        changed = plugin.read_if_changed()
        if changed is not None:
            plugin.replace(changed)

    hub.run(take_over())


def test_who_has_a_token_of_the_file_is_who_stands_there(file: Path) -> None:
    with hub_with(file) as hub:
        identity = connect(hub, ALICE).connection.identity
        assert (identity.user, identity.kind, identity.groups) == ("alice", "user", {"staff"})
        assert hub.connect(headers={"authorization": f"Bearer {BOB}"}).connection.user == "bob"


@pytest.mark.parametrize("token", ["", "x", ALICE.upper(), ALICE + " ", digest_of(ALICE), "\ud800", "é" * 9000])
def test_any_other_token_is_refused(file: Path, token: str) -> None:
    with hub_with(file) as hub:
        stranger = connect(hub, token)
        assert (stranger.close_code, stranger.close_reason) == (4001, "Nobody has this token.")


def test_without_a_token_nobody_comes_in_unless_they_are_not_required(file: Path) -> None:
    with hub_with(file) as hub:
        assert hub.connect("alice").close_code == 4001
    with hub_with(file, required=False) as hub:
        assert hub.connect("alice").connection.identity.is_guest
        assert connect(hub, "x").close_code == 4001


def test_unknown_tokens_can_be_left_to_the_next_plugin(file: Path) -> None:
    with hub_with(file, unknown_tokens="next", required=False) as hub:
        foreign = connect(hub, "x")
        assert (foreign.close_code, "No authentication plugin" in foreign.close_reason) == (4001, True)
        assert connect(hub, ALICE).connection.user == "alice"


def test_rights_to_rooms_stand_in_the_file_as_in_a_token(file: Path) -> None:
    write(file, entry(ALICE, "alice", rooms={"a-*": ["join"]}), entry(BOB, "bob", rooms=["b"]))
    with hub_with(file) as hub:
        assert connect(hub, ALICE).connection.identity.rooms == {"a-*": {"join"}}
        assert connect(hub, BOB).connection.identity.rooms == {"b": {"join", "publish", "presence", "history"}}


def test_a_token_that_expires_ends_the_connection_and_lets_nobody_in_afterwards(file: Path) -> None:
    soon, before = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (60, -60))
    write(file, entry(ALICE, "alice", expires=soon), entry(BOB, "bob", expires=before.isoformat()))
    with hub_with(file) as hub:
        alice, bob = connect(hub, ALICE), connect(hub, BOB)
        assert (bob.close_code, bob.close_reason) == (4001, "The token has expired: come back with a new one.")
        hub.advance(59)
        assert alice.close_code is None
        hub.advance(2)
        assert alice.close_code == 4001


@pytest.mark.parametrize(
    ("written", "expires"),
    [
        ("2999-01-31", "2999-01-31T00:00:00+00:00"),
        ("2999-01-31 12:00:00", "2999-01-31T12:00:00+00:00"),
        ("2999-01-31T12:00:00Z", "2999-01-31T12:00:00+00:00"),
        ("2999-01-31T12:00:00+02:00", "2999-01-31T10:00:00+00:00"),
        ("'2999-01-31T12:00:00'", "2999-01-31T12:00:00+00:00"),
        ("4102444800", "2100-01-01T00:00:00+00:00"),
    ],
)
def test_an_end_without_a_zone_is_in_utc(file: Path, written: str, expires: str) -> None:
    file.write_text(f"- {{user: alice, sha256: {digest_of(ALICE)}, expires: {written}}}")
    with hub_with(file) as hub:
        assert connect(hub, ALICE).connection.identity.expires == datetime.fromisoformat(expires)


def test_a_refresh_takes_another_token_of_the_same_user(file: Path) -> None:
    write(file, entry(ALICE, "alice"), entry("hub_new", "alice", groups=["ops"]), entry(BOB, "bob"))
    with hub_with(file) as hub:
        alice = connect(hub, ALICE)
        alice.send({"type": "refresh", "token": "hub_new", "id": "1"})
        assert alice.receive("ack", id="1")
        assert alice.connection.identity.groups == {"ops"}
        alice.send({"type": "refresh", "token": BOB, "id": "2"})
        assert alice.receive("error", id="2")["code"] == "forbidden"


# The file changes


def test_a_token_that_is_new_in_the_file_is_good_and_one_that_is_gone_ends_its_connections(file: Path) -> None:
    with hub_with(file) as hub:
        alice, bob = connect(hub, ALICE), connect(hub, BOB)
        assert connect(hub, "hub_new").close_code == 4001
        write(file, entry(ALICE, "alice", groups=["staff"]), entry("hub_new", "carol"))
        reread(hub)
        assert connect(hub, "hub_new").connection.user == "carol"
        assert (bob.close_code, bob.close_reason) == (4001, "Your token was withdrawn.")
        assert alice.close_code is None
        assert connect(hub, BOB).close_code == 4001


def test_who_has_other_rights_in_the_file_now_is_told_to_come_back_for_them(file: Path) -> None:
    with hub_with(file) as hub:
        alice, bob = connect(hub, ALICE), connect(hub, BOB)
        write(file, entry(BOB, "bob"), entry(ALICE, "alice", groups=[]))
        reread(hub)
        assert (alice.close_code, bob.close_code) == (1012, None)
        assert connect(hub, ALICE).connection.identity.groups == frozenset()
        reread(hub)
        write(file, entry(BOB, "bob"))
        reread(hub)
        assert bob.close_code is None


def test_a_file_that_breaks_changes_nothing_and_is_told_of_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with hub_with(file) as hub:
        alice = connect(hub, ALICE)
        file.write_text("- user: mallory\n  sha256: hub_secret\n")
        for _ in range(3):
            reread(hub)
        file.unlink()
        for _ in range(3):
            reread(hub)
        assert alice.close_code is None
        assert connect(hub, ALICE).connection.user == "alice"
        write(file, entry(BOB, "bob"))
        reread(hub)
        assert alice.close_code == 4001
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 2
    assert "entry 1: sha256: expected the SHA-256 of the token" in told[0]
    assert "No such file" in told[1]
    assert "hub_secret" not in caplog.text


def test_the_file_is_looked_at_every_so_often(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real clock: the reading is a thread's."""

    async def watch() -> None:
        options = {"file": str(file), "poll_seconds": 0.1}
        hub = Hub(config_from({"plugins": {"auth_tokens": options}}), plugins={"auth_tokens": AuthTokens})
        await hub.start()
        plugin = hub.plugins["auth_tokens"]
        assert isinstance(plugin, AuthTokens)
        is_replaced, replace = asyncio.Event(), plugin.replace

        def replace_and_tell(tokens: dict[str, Identity]) -> None:
            replace(tokens)
            is_replaced.set()

        monkeypatch.setattr(plugin, "replace", replace_and_tell)
        write(file, entry("hub_new", "carol"))
        await asyncio.wait_for(is_replaced.wait(), 20)
        assert plugin.authenticate(Handshake(query={"token": "hub_new"})) == Identity("carol")
        await hub.stop()

    asyncio.run(watch())


# Mistakes in the file


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("tokens.yaml", "- user: a\n  b: c: d", r"line 2 is not YAML"),
        ("tokens.yaml", "user: alice", "expected a list of entries"),
        ("tokens.yaml", "- alice", "entry 1: expected user, sha256 and so on"),
        ("tokens.yaml", "- user: alice", "entry 1: sha256: is missing"),
        ("tokens.yaml", "- sha256: " + "0" * 64, "entry 1: user: is missing"),
        ("tokens.yaml", "- {user: 5, sha256: x}", "user: expected text; entry 1: sha256: expected the SHA-256"),
        ("tokens.yaml", "- {user: a, token: s3cret}", "the file holds no tokens but their sha256"),
        ("tokens.yaml", f"- {{user: a, s3cret: b, sha256: {'0' * 64}}}", "a key that is none of user, sha256"),
        (
            "tokens.yaml",
            f"- {{user: a, sha256: {'0' * 64}, expires: s3cret}}",
            "expires: expected a date and time",
        ),
        ("tokens.yaml", f"- {{user: a, sha256: {'0' * 64}, rooms: s3cret}}", "rooms: expected rights by room"),
        ("tokens.yaml", f"- {{user: a, sha256: &h {'a' * 64}}}\n- {{user: b, sha256: *h}}", "stands there twice"),
        ("tokens.yaml", "- s3cret\n" * 9, r"entry 5: [^;]+; and 4 more$"),
        ("tokens.jsonl", '{"user": "a"}\nnonsense', r"line 2 is not JSON"),
        ("tokens.jsonl", '\n\n{"user": "a", "sha256": "s3cret"}', r"line 3: sha256: expected"),
        ("tokens.jsonl", "[" * 100_000, r"line 1 is not JSON"),
    ],
)
def test_a_mistake_in_the_file_stops_the_start_and_shows_no_secret(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PluginError, match=f"'auth_tokens' cannot be made: .*{name}.*{says}") as caught:
        hub_with(tmp_path / name)
    assert "s3cret" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(
        PluginError, match=r"nowhere\.yaml: cannot be read: No such file .*; look at plugins\.auth"
    ):
        hub_with(tmp_path / "nowhere.yaml")
    (tmp_path / "image.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PluginError, match="is not UTF-8 text"):
        hub_with(tmp_path / "image.yaml")


def test_an_empty_file_knows_nobody(tmp_path: Path) -> None:
    (tmp_path / "tokens.yaml").write_text("# nobody yet\n")
    with hub_with(tmp_path / "tokens.yaml") as hub:
        assert connect(hub, ALICE).close_code == 4001


def test_json_lines_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "tokens.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in (entry(ALICE, "alice"), entry(BOB, "bob"))) + "\n")
    with hub_with(path) as hub:
        assert connect(hub, BOB).connection.user == "bob"


# Making one


def test_the_command_prints_a_token_and_the_entry_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["zoë", "--group", "staff", "--group", "ops", "--expires", "2999-01-31"]) == 0
    token, line = (
        each.strip() for each in capsys.readouterr().out.splitlines() if "hub_" in each or "sha256" in each
    )
    assert token not in line
    (tmp_path / "tokens.yaml").write_text(line)
    (tmp_path / "tokens.jsonl").write_text(line.removeprefix("- "))
    for name in ("tokens.yaml", "tokens.jsonl"):
        with hub_with(tmp_path / name) as hub:
            identity = connect(hub, token).connection.identity
            assert (identity.user, identity.groups) == ("zoë", {"staff", "ops"})
            assert identity.expires == datetime(2999, 1, 31, tzinfo=UTC)


def test_the_command_is_there_as_the_page_says() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "hubbub.plugins.auth_tokens", "alice"], capture_output=True, text=True, timeout=60
    )
    assert outcome.returncode == 0, outcome.stderr
    assert '"user": "alice"' in outcome.stdout
