"""The tables of the wire contract: clients decide by them whether to try again, so they never change."""

import pytest
from hubbub.protocol import CLOSE_CODES, ERROR_CODES, Encoded, Rejected, check_close_code

NOT_RETRYABLE = [
    "bad_json",
    "unknown_type",
    "invalid",
    "too_large",
    "not_in_room",
    "room_full",
    "unauthorized",
    "forbidden",
    "user_offline",
    "expired",
]
RETRYABLE = ["rate_limited", "unavailable", "internal"]
STAY_AWAY = [1000, 1002, 1003, 1007, 1009, 4001, 4003, 4009]
COME_BACK = [1001, 1011, 1012, 1013, 4008, 4010]


def test_each_error_code_says_whether_to_try_again() -> None:
    assert dict(ERROR_CODES) == dict.fromkeys(NOT_RETRYABLE, False) | dict.fromkeys(RETRYABLE, True)


def test_each_close_code_says_whether_to_come_back() -> None:
    expected = dict.fromkeys(STAY_AWAY, False) | dict.fromkeys(COME_BACK, True)
    assert {code: meaning.reconnect for code, meaning in CLOSE_CODES.items()} == expected


def test_every_close_code_may_be_sent_and_has_a_reason_that_fits_its_frame() -> None:
    for code, meaning in CLOSE_CODES.items():
        check_close_code(code)
        assert 0 < len(meaning.reason.encode()) <= 123


@pytest.mark.parametrize(
    ("code", "close_code"),
    [
        ("unauthorized", 4001),
        ("expired", 4001),
        ("forbidden", 4003),
        ("invalid", 4003),
        ("a_plugin_s_own", 4003),
        ("rate_limited", 4008),
        ("room_full", 1013),
        ("unavailable", 1013),
        ("internal", 1011),
    ],
)
def test_a_refusal_at_the_door_closes_with_the_code_that_fits(code: str, close_code: int) -> None:
    assert Rejected(code, "No.").close_code == close_code
    assert close_code in CLOSE_CODES
    assert Rejected(code, "No.", close=4009).close_code == 4009


@pytest.mark.parametrize("code", [*NOT_RETRYABLE, *RETRYABLE])
def test_a_refusal_is_as_retryable_as_its_code(code: str) -> None:
    assert Rejected(code, "No.").retryable is (code in RETRYABLE)
    assert Rejected(code, "No.", retryable=True).retryable is True
    assert Rejected(code, "No.", retryable=False).retryable is False
    assert Rejected("a_plugin_s_own", "No.").retryable is False


def test_a_refusal_becomes_the_error_of_the_wire() -> None:
    rejected = Rejected(
        "rate_limited",
        "Slow down.",
        path="content",
        expected="less",
        example={"type": "ping"},
        retry_after=1.5,
        close=4008,
    )
    rejected.id = "1"
    assert str(rejected) == "Slow down."
    assert Encoded(rejected.to_event()).json == (
        b'{"type":"error","id":"1","code":"rate_limited","message":"Slow down.","retryable":true,'
        b'"path":"content","expected":"less","example":{"type":"ping"},"retry_after":1.5}'
    )
    plain = Encoded(Rejected("forbidden", "No.").to_event()).json
    assert plain == b'{"type":"error","code":"forbidden","message":"No.","retryable":false}'


@pytest.mark.parametrize("code", [0, 403, 999, 1004, 1005, 1006, 1015, 2999, 5000, 70000, "4003", True])
def test_a_close_code_that_no_frame_can_carry_is_refused_where_it_is_written(code: object) -> None:
    with pytest.raises(ValueError, match="is no close code that can be sent; 4000 to 4999 are free for plugins"):
        Rejected("x", "y", close=code)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4999])
def test_a_close_code_of_the_standard_or_of_ones_own_may_be_sent(code: int) -> None:
    assert Rejected("x", "y", close=code).close_code == code


def test_a_refusal_without_words_is_refused_where_it_is_written() -> None:
    for words in ((404, "Not here."), ("not_here", None)):
        with pytest.raises(TypeError, match="code and message of Rejected are texts"):
            Rejected(*words)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_an_example_that_json_does_not_have_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="object"):
        Rejected("x", "y", example={"type": object()})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
