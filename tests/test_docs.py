"""What the README and the pages under docs/ say is so: their examples run, their tables are complete."""

import json
import re
import shlex
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml
from hubbub.core import PluginConfig
from hubbub.core.api.config import ApiConfig, ApiKey
from hubbub.core.app import create_app
from hubbub.core.config import LoggingConfig, RoomOptions, RoomsConfig, ServerConfig, load_config
from hubbub.core.config_errors import ConfigError
from hubbub.core.loader import PluginClass
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.history.events import HistoryReply
from hubbub.plugins.presence import PresenceReply
from hubbub.protocol import (
    CLOSE_CODES,
    ERROR_CODES,
    Ack,
    Codec,
    Error,
    Event,
    Gap,
    HelpReply,
    Message,
    Ping,
    Pong,
    Private,
    System,
    tag_of,
)
from pydantic import BaseModel

from .plugins.auth.signing import as_written, key_for

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PACKAGE = EXAMPLES / "hubbub-hands"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BUILT_IN: dict[str, PluginClass] = {
    point.name: point.load()
    for point in entry_points(group="hubbub.plugins")
    if point.dist is not None and point.dist.name == "hubbub"
}
SENT_BY_THE_SERVER: dict[str, type[Event]] = {
    tag_of(event): event
    for event in (Ack, Error, Gap, HelpReply, HistoryReply, Message, Ping, Pong, PresenceReply, Private, System)
}


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    mark: str
    text: str


def blocks_of(page: Path, language: str = "", mark: str | None = None) -> list[Block]:
    text = page.read_text()
    fences = re.finditer(r"^```(\w+) ?(.*)\n((?:.*\n)*?)```$", text, re.MULTILINE)
    blocks = [Block(page, text.count("\n", 0, fence.start(3)), fence[1], fence[2], fence[3]) for fence in fences]
    return [each for each in blocks if each.language == language or not language if mark in (None, each.mark)]


def titled(page: Path) -> dict[str, str]:
    return {
        block.mark.removeprefix("title="): block.text
        for block in blocks_of(page)
        if block.mark.startswith("title=")
    }


def all_blocks(language: str, mark: str, *, unlike: bool = False) -> list[Any]:
    blocks = [block for page in PAGES for block in blocks_of(page, language) if (block.mark == mark) != unlike]
    return [pytest.param(block, id=f"{block.page.name}:{block.line}") for block in blocks]


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next heading of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n((?:(?!#+ ).*\n)*)", page.read_text(), re.MULTILINE)
    assert found is not None, f"{page.name} has no heading {heading!r}"
    return found[1]


def tables(text: str) -> list[list[list[str]]]:
    """The cells of each table, without its header."""
    found = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()[2:]]
        for table in found
    ]


# Python


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.name) for page in PAGES if blocks_of(page, "python", "runnable")]
)
def test_the_runnable_examples_of_a_page_run_one_after_the_other(page: Path) -> None:
    namespace: dict[str, object] = {"__name__": page.stem}
    for block in blocks_of(page, "python", "runnable"):
        exec(compile("\n" * block.line + block.text, page, "exec"), namespace)


def test_the_readme_shows_the_plugin_of_the_examples() -> None:
    assert titled(ROOT / "README.md") == {"examples/shout.py": (EXAMPLES / "shout.py").read_text()}


def test_the_guide_shows_the_files_of_the_example_package() -> None:
    shown = titled(ROOT / "docs" / "plugins.md")
    del shown["config.yaml"]
    assert shown == {path.name: path.read_text() for path in PACKAGE.iterdir() if path.is_file()}


# The config


@pytest.mark.parametrize("block", all_blocks("yaml", "mistake", unlike=True))
def test_a_config_that_a_page_shows_is_valid(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), str(PACKAGE), *sys.path])
    (tmp_path / "config.yaml").write_text(block.text)
    (tmp_path / "welcome.txt").write_text("Hello!\n")
    (tmp_path / "tokens.yaml").write_text("[]")
    (tmp_path / "public.pem").write_text(as_written(key_for("ES256")))
    monkeypatch.chdir(tmp_path)
    secrets = {"WEBHOOKS_SECRET": "whsec_" + "0" * 32, "HUBBUB_API_KEY": "k" * 32, "JWT_SECRET": "s" * 32}
    secrets["HUBBUB_SECRET"] = "s" * 64
    environment = {"BIND_ADDRESS": "127.0.0.1", "HISTORY_URL": "postgresql://db.example.com/hubbub", **secrets}
    loaded = load_config(tmp_path / "config.yaml", environment)
    create_app(loaded, plugins={"hands": import_module("hubbub_hands").Hands})
    assert loaded.config.model_fields_set


@pytest.mark.parametrize("block", all_blocks("yaml", "mistake"))
def test_a_mistake_that_a_page_shows_is_answered_as_it_says(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = (each for each in blocks_of(block.page, "text") if each.line > block.line)
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(block.text)
    with pytest.raises(ConfigError) as caught:
        create_app(load_config(Path("config.yaml"), {}))
    assert f"{caught.value}\n" == next(answers).text


@pytest.mark.parametrize(
    "command",
    re.findall(r"^HUBBUB_.+$", (ROOT / "docs" / "config.md").read_text(), re.MULTILINE),
)
def test_an_environment_variable_that_the_config_page_shows_is_understood(command: str) -> None:
    variable, _, value = shlex.split(command)[0].partition("=")
    load_config(ROOT / "config.yaml", {variable: value})


DOCUMENTED_MODELS: list[tuple[str, int, type[BaseModel]]] = [
    ("server", 0, ServerConfig),
    ("rooms", 0, RoomsConfig),
    ("rooms", 1, RoomOptions),
    ("plugins", 0, PluginConfig),
    ("api", 0, ApiConfig),
    ("api", 1, ApiKey),
    ("logging", 0, LoggingConfig),
    *((name, 0, plugin.config_type()) for name, plugin in BUILT_IN.items()),
]


@pytest.mark.parametrize(("heading", "number", "model"), DOCUMENTED_MODELS)
def test_the_config_page_has_every_key_with_its_default_and_meaning(
    heading: str, number: int, model: type[BaseModel]
) -> None:
    rows = tables(section(ROOT / "docs" / "config.md", heading))[number]
    inherits = issubclass(model, PluginConfig) and model is not PluginConfig
    own = [name for name in model.model_fields if not (inherits and name in PluginConfig.model_fields)]
    assert [key for key, _, _ in rows] == [f"`{name}`" for name in own]
    fields = model.model_fields
    needed = {name: (field.examples or [None])[0] for name, field in fields.items() if field.is_required()}
    for name, (_, default, meaning) in zip(own, rows, strict=True):
        field = fields[name]
        if name in needed:
            assert default == "required", name
        else:
            stated = model.model_validate({**needed, name: yaml.safe_load(default.strip("`"))})
            assert getattr(stated, name) == field.get_default(call_default_factory=True), name
        assert meaning == field.description, name


# The wire


def yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def test_the_wire_page_has_every_error_code() -> None:
    rows = tables(section(ROOT / "docs" / "wire.md", "Errors: one event is refused, the connection lives"))[0]
    assert {code.strip("`"): retryable for code, retryable, _ in rows} == {
        code: yes_or_no(retryable) for code, retryable in ERROR_CODES.items()
    }


def test_the_wire_page_has_every_close_code() -> None:
    rows = tables(section(ROOT / "docs" / "wire.md", "Close codes: the connection ends"))[0]
    assert {int(code): come_back for code, come_back, _ in rows} == {
        code: yes_or_no(meaning.reconnect) for code, meaning in CLOSE_CODES.items()
    }


def test_the_wire_page_has_every_type_that_a_client_may_send_with_its_fields_and_an_example() -> None:
    codec = Codec([event for plugin in BUILT_IN.values() for event in plugin.events])
    page = ROOT / "docs" / "wire.md"
    rows = {
        row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1]))
        for row in tables(section(page, "What a client sends"))[0]
    }
    of_the_server = {"seq", "user"}
    for tag, event in codec.types.items():
        stamped = {"timestamp"} if hasattr(event, "user") else set[str]()
        assert rows.pop(tag) == set(event.__struct_encode_fields__) - of_the_server - stamped, tag
    assert not rows
    sent = [
        codec.decode_json(line.encode())
        for block in blocks_of(page, "json", "client")
        for line in block.text.splitlines()
    ]
    assert {type(event) for event in sent} == set(codec.types.values())


def test_the_wire_page_has_an_example_of_every_type_that_the_server_sends() -> None:
    page = ROOT / "docs" / "wire.md"
    shown = {row[0] for row in tables(section(page, "What the server sends"))[0]}
    assert {tag for cell in shown for tag in re.findall(r"`(\w+)`", cell)} == SENT_BY_THE_SERVER.keys()
    lines = [json.loads(line) for block in blocks_of(page, "json", "server") for line in block.text.splitlines()]
    for line in lines:
        fields = msgspec.structs.fields(SENT_BY_THE_SERVER[line["type"]])
        assert line.keys() <= {"type", *(field.encode_name for field in fields)}, line
        assert line.keys() >= {field.encode_name for field in fields if field.required}, line
    assert {line["type"] for line in lines} == SENT_BY_THE_SERVER.keys() - {"ping"}


# The session


def test_the_server_answers_as_the_session_in_the_readme_shows() -> None:
    session = next(block for block in blocks_of(ROOT / "README.md", "console") if "wscat" in block.text)
    enabled = yaml.safe_load((ROOT / "config.yaml").read_text())["plugins"]
    others: dict[str, ClientForTests] = {}
    with HubForTests(enabled) as hub:
        alice = hub.connect("alice")
        for line in session.text.splitlines():
            if line.startswith("> "):
                alice.send(line.removeprefix("> "))
            elif line.startswith("< "):
                shown = json.loads(line.removeprefix("< "))
                if shown.get("user", "alice") != "alice":
                    act_as_another(hub, others, shown)
                received = alice.events.pop(0)
                assert list(received) == list(shown)
                assert without_what_differs(received) == without_what_differs(shown)
        assert not alice.events


def act_as_another(hub: HubForTests, others: dict[str, ClientForTests], shown: dict[str, Any]) -> None:
    """Do what the other person of the session must have done, by what Alice was shown of it."""
    user: str = shown["user"]
    if shown["type"] == "message":
        others[user].say(shown["content"])
    elif shown["event"] == "joined":
        others[user] = hub.connect(user)
    else:
        others[user].close()


def without_what_differs(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in ("timestamp", "guest_key")}


# Between the pages


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```(?:.*\n)*?```$", "", page.read_text(), flags=re.MULTILINE)
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE) if anchor else []
        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, target


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_files_and_make_targets_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"`((?:core|plugins|protocol|examples|benchmarks)/[\w./-]*)`", text):
        assert (ROOT / name).exists(), name
    for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
