"""Which paths are the API's, and names in them."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hubbub.core.api.paths import is_for_the_api, name_from_path, with_names_kept_whole
from hubbub.core.api.problems import ApiError
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text(min_size=1, max_size=20).filter(str.isprintable)


def scope(raw: str, mount: str = "") -> dict[str, object]:
    return {"path": unquote(raw), "raw_path": raw.encode(), "root_path": mount}


@pytest.mark.parametrize(
    ("path", "mount", "expected"),
    [
        ("/api", "", True),
        ("/api/rooms", "", True),
        ("/notify/alice", "", True),
        ("/apis", "", False),
        ("/", "", False),
        ("/page/api/", "", False),
        ("/realtime/api/rooms", "/realtime", True),
        ("/realtime/page", "/realtime", False),
        ("/api/page", "/api", False),
        ("/api/api/rooms", "/api", True),
    ],
)
def test_the_api_is_below_two_addresses_wherever_the_application_is_mounted(
    path: str, mount: str, expected: bool
) -> None:
    assert is_for_the_api(scope(path, mount)) is expected


@given(NAMES, NAMES, st.sampled_from(["", "/realtime", "/a/b"]))
def test_any_two_names_survive(room: str, user: str, mount: str) -> None:
    raw = f"{mount}/api/rooms/{quote(room, safe='')}/members/{quote(user, safe='')}"
    path = with_names_kept_whole(scope(raw, mount))
    parts = path.removeprefix(mount).split("/")
    assert parts[:3] == ["", "api", "rooms"]
    assert [name_from_path(parts[3]), parts[4], name_from_path(parts[5])] == [room, "members", user]


@given(NAMES)
def test_without_a_raw_path_a_name_without_a_slash_survives(name: str) -> None:
    name = name.replace("/", "")
    path = with_names_kept_whole({"path": f"/api/rooms/{name}", "root_path": ""})
    assert name_from_path(path.removeprefix("/api/rooms/")) == name


def test_a_raw_path_that_tells_something_else_is_not_believed() -> None:
    told: dict[str, object] = {"path": "/api/rooms/a", "raw_path": b"/api/rooms/%2Fb", "root_path": ""}
    assert with_names_kept_whole(told) == "/api/rooms/a"


def test_a_path_that_is_no_text_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        with_names_kept_whole(scope("/api/rooms/%ff"))
    assert caught.value.status == 400
