"""Any bytes at all are an event or a refusal, and what means the same object is treated the same."""

import json
import random

import msgspec
from hubbub.protocol import Codec, Event, Json, Message, Private, Rejected
from hypothesis import example, given
from hypothesis import strategies as st

CODEC = Codec((Message, Private))


def outcome(frame: bytes) -> Event | Rejected:
    try:
        return CODEC.decode_json(frame)
    except Rejected as rejected:
        return rejected


PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b'"',
    b"\\",
    b'"type"',
    b'"message"',
    b'"content"',
    b'"ping"',
    b'"id"',
    b" ",
    b"1",
    b"-",
    b"1e999",
    b"null",
    b"true",
    b"NaN",
    b"\\ud800",
    b"\xff",
    b"\xc1",
    b"\x81",
    b"\xa4type",
]
frames = st.binary(max_size=100) | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join)


@given(frame=frames, prefix=st.sampled_from([b"", b'{"type":"message","content":', b"\x82\xa4type\xa4ping\xa2id"]))
@example(frame=b"1e400}", prefix=b'{"type":"ping","id":')
def test_any_bytes_are_an_event_or_are_rejected(frame: bytes, prefix: bytes) -> None:
    for decode in (CODEC.decode_json, CODEC.decode_msgpack):
        try:
            result = decode(prefix + frame)
        except Rejected as error:
            result = error
        if isinstance(result, Rejected):
            assert result.code in ("bad_json", "unknown_type", "invalid")
            assert result.message
        else:
            assert type(result) in CODEC.types.values()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["message", "ping", "join", "a:b", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
events = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "ping", "join", "private", "mesage", "help"]) | json_values},
    optional={
        name: st.sampled_from(["a", 1, None]) | json_values
        for name in ("content", "room", "to", "id", "since", "user", "timestamp", "seq", "other")
    },
)


def told(frame: bytes) -> object:
    """What comes of a frame, without what depends on the order of its keys."""
    result = outcome(frame)
    if isinstance(result, Rejected):
        return result.code, result.id if result.code != "bad_json" else None
    return type(result), msgspec.to_builtins(result)


@given(fields=events | json_values, seed=st.randoms(use_true_random=False))
def test_frames_that_mean_the_same_object_are_treated_the_same(fields: Json, seed: random.Random) -> None:
    plain = json.dumps(fields).encode()
    told_plain = told(plain)
    written = [json.dumps(fields, indent=1), json.dumps(fields, separators=(" ,\n", "\t: "))]
    if isinstance(fields, dict):
        shuffled = list(fields.items())
        seed.shuffle(shuffled)
        written.append(json.dumps(dict(shuffled)))
        spelt_out = ", ".join(
            '"' + "".join(f"\\u{ord(letter):04x}" for letter in key) + '": ' + json.dumps(value)
            for key, value in fields.items()
            if all(ord(letter) < 0x10000 for letter in key)
        )
        if all(ord(letter) < 0x10000 for key in fields for letter in key):
            written.append("{" + spelt_out + "}")
    for text in written:
        assert told(text.encode()) == told_plain


@given(content=json_values)
def test_an_accepted_event_holds_what_the_standard_library_reads(content: Json) -> None:
    frame = json.dumps({"type": "message", "content": content}).encode()
    result = outcome(frame)
    if isinstance(result, Message):
        assert repr(result.content) == repr(json.loads(frame)["content"])
    else:
        assert isinstance(result, Rejected)
        assert result.code == "bad_json"
