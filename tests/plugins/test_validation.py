"""The validation plugin: what people may say."""

import json
import sys
from pathlib import Path

import msgspec
import pytest
from hubbub.core.config_errors import ConfigError
from hubbub.core.testing import HubForTests

TALK: dict[str, object] = {"chat": {}, "validation": {}}
ORDER = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "sizes": {"type": "array", "items": {"type": "integer"}}},
    "required": ["item"],
}


def schema_in(pattern: str, **options: object) -> dict[str, object]:
    """`rooms:` with options of the validation plugin for one pattern."""
    return {"options": {pattern: {"plugins": {"validation": options}}}}


@pytest.mark.parametrize(
    "content",
    [
        "hi",
        "two\nlines,\ttabbed\r\n",
        "Grüße, 你好, مرحبا, שלום",
        "👩\u200d👩\u200d👧 family",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "x" * 1000,
        "ü" * 1000,
        " leading and trailing ",
        "0",
    ],
)
def test_what_people_write_goes_through_as_it_is(content: str) -> None:
    with HubForTests(TALK) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.say(content)
        assert bob.receive("message")["content"] == content


@pytest.mark.parametrize(
    "content",
    [
        "",
        " ",
        "\n\t \r\n",
        "\u00a0\u2003\u3000",
        "\u200b",
        "\u200b\u200d\ufeff",
        "\u2060 \u200e\u00ad",
        "\u3164",
        "\u2800",
    ],
)
def test_a_blank_message_is_refused_also_if_it_only_looks_blank(content: str) -> None:
    with HubForTests(TALK) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.say(content, id="m1")
        error = alice.receive("error")
        assert (error["code"], error["path"], error["id"]) == ("invalid", "content", "m1")
        assert error["message"] == "The content is blank."
        assert error["expected"]
        assert error["example"]["type"] == "message"
        assert bob.take("message") == []


@pytest.mark.parametrize("character", ["x", "ü", "👍"])
def test_a_message_of_1001_characters_is_too_large(character: str) -> None:
    with HubForTests(TALK) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.say(character * 1001, id="m1")
        error = alice.receive("error")
        assert (error["code"], error["path"], error["id"]) == ("too_large", "content", "m1")
        assert error["message"] == "The content has 1,001 characters; at most 1,000 are allowed."
        assert bob.take("message") == []


def test_the_greatest_length_is_an_option_and_may_differ_by_room() -> None:
    with HubForTests(
        {"chat": {}, "validation": {"max_length": 5}}, rooms=schema_in("essay*", max_length=7)
    ) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob", "essays")
        for client in (alice, bob):
            client.say("12345")
            client.say("1234567")
        assert len(alice.take("message")) == 1
        assert alice.receive("error")["expected"] == "at most 5 characters"
        assert len(bob.take("message")) == 2
        bob.say("12345678")
        assert bob.receive("error")["code"] == "too_large"


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x08", "\x0b", "\x1b[31m", "\x7f", "\x85", "\x9b"])
def test_control_characters_are_refused(control: str) -> None:
    with HubForTests(TALK) as hub:
        alice = hub.connect("alice")
        alice.say(f"to the terminal: {control}")
        assert alice.receive("error", path="content")["message"] == "The content holds control characters."


@pytest.mark.parametrize(
    "override", ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2068", "\u2069"]
)
def test_overrides_of_the_writing_direction_are_refused(override: str) -> None:
    with HubForTests(TALK) as hub:
        alice = hub.connect("alice")
        alice.say(f"invoice{override}fdp.exe")
        assert alice.receive("error", code="invalid", path="content")


@pytest.mark.parametrize("content", [None, True, 7, 1.5, ["hi"], {"text": "hi"}])
def test_a_content_that_is_no_string_is_refused_unless_the_config_allows_json(content: object) -> None:
    frame = json.dumps({"type": "message", "content": content})
    with HubForTests(TALK, rooms=schema_in("data", content="json")) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob", "data")
        alice.send(frame)
        error = alice.receive("error")
        assert (error["code"], error["path"], error["expected"]) == ("invalid", "content", "a string")
        bob.send(frame)
        assert bob.receive("message")["content"] == content


def test_json_may_be_any_string_as_well() -> None:
    with HubForTests({"chat": {}, "validation": {"content": "json"}}) as hub:
        alice = hub.connect("alice")
        for content in ("", "\x1b[2J", "\u202e"):
            alice.say(content)
            assert alice.receive("message")["content"] == content


def test_of_json_the_characters_of_its_text_are_counted() -> None:
    with HubForTests({"chat": {}, "validation": {"content": "json", "max_length": 10}}) as hub:
        alice = hub.connect("alice")
        alice.say(["üüüüüü"])
        assert alice.receive("message")
        alice.say(["üüüüüüü"])
        assert alice.receive("error")["code"] == "too_large"
        alice.say("x" * 11)
        assert alice.receive("error")["code"] == "too_large"


def test_private_messages_are_checked_as_messages_are() -> None:
    with HubForTests(TALK) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        for content in (" ", "\x00", "x" * 1001, 7):
            alice.send({"type": "private", "to": "bob", "content": content})
        assert [error["code"] for error in alice.take("error")] == ["invalid", "invalid", "too_large", "invalid"]
        assert bob.take("private") == []


def test_an_example_in_an_error_is_of_the_type_that_was_sent() -> None:
    with HubForTests(TALK) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "private", "to": "alice", "content": ""})
        assert alice.receive("error")["example"]["type"] == "private"


def test_a_json_schema_in_the_config_is_held_in_the_rooms_of_its_pattern() -> None:
    with HubForTests(TALK, rooms=schema_in("orders-*", json_schema=ORDER)) as hub:
        alice, bob = hub.connect("alice", "orders-7"), hub.connect("bob")
        alice.say({"item": "tea", "sizes": [1, 2]})
        assert alice.receive("message")["content"]["item"] == "tea"
        alice.say({"sizes": []})
        assert alice.receive("error", code="invalid", path="content")["message"].startswith(
            'The content does not fit this room: "item" is a required property'
        )
        bob.say("just talk")
        assert bob.receive("message")


def test_an_error_of_the_schema_names_the_path() -> None:
    with HubForTests(TALK, rooms=schema_in("orders-*", json_schema=ORDER)) as hub:
        alice = hub.connect("alice", "orders-7")
        alice.say({"item": "tea", "sizes": [1, "large"]}, id="o1")
        error = alice.receive("error")
        assert (error["code"], error["path"], error["id"]) == ("invalid", "content.sizes.1", "o1")
        assert '"large" is not of type "integer"' in error["message"]


def test_an_error_of_the_schema_does_not_repeat_a_long_content() -> None:
    with HubForTests(TALK, rooms=schema_in("orders-*", json_schema=ORDER)) as hub:
        alice = hub.connect("alice", "orders-7")
        alice.say(["x" * 900])
        assert len(alice.receive("error")["message"]) < 300


def test_text_in_a_room_with_a_schema_keeps_the_rules_for_text() -> None:
    with HubForTests(
        TALK, rooms=schema_in("codes", json_schema={"type": "string", "pattern": "^[A-Z ]+$"})
    ) as hub:
        alice = hub.connect("alice", "codes")
        alice.say("ABC")
        assert alice.receive("message")
        alice.say("abc")
        assert "does not fit this room" in alice.receive("error")["message"]
        alice.say("  ")
        assert alice.receive("error")["message"] == "The content is blank."


def test_a_schema_can_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    path.write_text(json.dumps(ORDER), encoding="utf-8")
    with HubForTests({"chat": {}, "validation": {"json_schema": str(path)}}) as hub:
        alice = hub.connect("alice")
        alice.say({"item": 7})
        assert alice.receive("error")["path"] == "content.item"
        alice.say({"item": "tea"})
        assert alice.receive("message")


@pytest.mark.parametrize("content", [b"bytes", {1: "a key that is no text"}, msgspec.msgpack.Ext(5, b"x")])
def test_what_only_messagepack_can_say_is_refused_where_a_schema_holds(content: object) -> None:
    with HubForTests({"chat": {}, "validation": {"content": "json", "json_schema": {}}}) as hub:
        alice = hub.connect("alice", subprotocols=("hubbub.v1.msgpack",))
        alice.send(msgspec.msgpack.encode({"type": "message", "content": content}))
        assert alice.receive("error")["code"] == "invalid"
        assert not hub.hub.pipeline.owners["validation"].failures


def test_json_that_is_nested_deep_or_has_large_numbers_breaks_nothing() -> None:
    options = {"content": "json", "json_schema": {"type": "number"}, "max_length": 5000}
    with HubForTests({"chat": {}, "validation": options}) as hub:
        alice = hub.connect("alice")
        for content in ("[" * 900 + "]" * 900, "[" * 100_000, "9" * 400, "1e400", f"[{2**70}]"):
            alice.send('{"type":"message","content":' + content + "}")
            answers = alice.take()[-1:]
            assert [each["type"] for each in answers] in (["message"], ["error"])
            assert all(each.get("code") != "internal" for each in answers)
        assert not hub.hub.pipeline.owners["validation"].failures
        assert alice.close_code is None


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "nonsense"}, 'not a JSON Schema: at type, "nonsense" is not valid'),
        (
            {"$ref": "https://example.org/schema.json"},
            "not a JSON Schema: Resource 'https://example.org/schema.json'",
        ),
        (
            "/nowhere/schema.json",
            "no JSON Schema can be read from '/nowhere/schema.json': No such file or directory.",
        ),
    ],
)
def test_a_schema_that_is_none_stops_the_start_and_names_the_key(schema: object, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HubForTests({"validation": {"json_schema": schema}})
    assert f"plugins.validation.json_schema: {reason}" in str(caught.value)
    with pytest.raises(ConfigError, match=r"garden.*json_schema"):
        HubForTests({"validation": {}}, rooms=schema_in("garden", json_schema=schema))


def test_a_file_that_is_not_json_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text("{not json", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"no JSON Schema can be read from .*schema\.json"):
        HubForTests({"validation": {"json_schema": str(path)}})


def test_without_the_package_for_schemas_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    with pytest.raises(ConfigError, match=r"json_schema: .*pip install 'hubbub\[schema\]'"):
        HubForTests({"validation": {"json_schema": {"type": "string"}}})
    with HubForTests(TALK) as hub:  # Who has no schema needs no package.
        alice = hub.connect("alice")
        alice.say("hi")
        assert alice.receive("message")
