"""Which requests are the API's, and how a name with a slash in it fits into a path."""

from __future__ import annotations

from typing import cast
from urllib.parse import unquote, unquote_to_bytes

from starlette.types import Scope

from .problems import ApiError

_ROOTS = ("api", "notify")


def is_for_the_api(scope: Scope) -> bool:
    """Whether a request is to ``/api`` or ``/notify``, or to something below."""
    path = _below_the_mount(cast(str, scope["path"]), cast(str, scope.get("root_path", "")))
    return any(path == f"/{root}" or path.startswith(f"/{root}/") for root in _ROOTS)


def with_names_kept_whole(scope: Scope) -> str:
    """The path of the scope with ``%2F`` and ``%25`` where a name in it has a slash or a percent sign.

    ASGI servers decode the whole path, after which ``a%2Fb`` looks like two names. Raise `ApiError` 400 where the
    path is not UTF-8.
    """
    path = cast(str, scope["path"])
    raw = cast("bytes | None", scope.get("raw_path"))
    parts = path.split("/")
    if raw is not None and b"%" in raw:
        try:
            decoded = [unquote_to_bytes(part).decode() for part in raw.partition(b"?")[0].split(b"/")]
        except UnicodeDecodeError:
            raise ApiError(400, "invalid", "The URL is not UTF-8, percent-encoded.") from None
        if "/".join(decoded) == path:
            parts = decoded
    elif "%" not in path:
        return path
    mount = cast(str, scope.get("root_path", "")).count("/")
    return "/".join([*parts[: mount + 1], *(_whole(part) for part in parts[mount + 1 :])])


def name_from_path(part: object) -> object:
    """A name as it was before `with_names_kept_whole`."""
    return unquote(part) if isinstance(part, str) else part


def _whole(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F")


def _below_the_mount(path: str, mount: str) -> str:
    return path[len(mount) :] if mount and path.startswith(f"{mount}/") else path
