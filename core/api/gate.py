"""The way into the API: who may call, with what body, and whether the request was here before.

Everything is refused here that can be before a route is looked for, so that a stranger learns nothing and costs
little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .caller import Caller
from .config import ApiKey
from .idempotency import IdempotencyKeys, fingerprint_of, idempotency_key
from .keyring import Keyring
from .paths import is_for_the_api, with_names_kept_whole
from .problems import ApiError

if TYPE_CHECKING:
    from ..hub import Hub

CALLER = "hubbub.caller"
"""The key of the ASGI scope under which a route finds its `Caller`."""

_WITH_BODY = frozenset({"POST"})
_CHANGING = frozenset({"POST", "DELETE"})

Headers = list[tuple[bytes, bytes]]


class Gate:
    """An application in front of another one, which sees only those requests to the API that may be made."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub
        self._config = hub.config.api
        self._keyring = Keyring(self._config.keys, self._now)
        self._idempotency = IdempotencyKeys(self._config, self._now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit a request, or answer it with a problem; what is not for the API passes."""
        if scope["type"] != "http" or not is_for_the_api(scope):
            await self._app(scope, receive, send)
            return
        send = _uncached(send)
        try:
            key = self._authenticate(scope)
            body = await self._read(scope, receive)
            await self._call(scope, key, body, send)
        except ApiError as error:
            await error.to_response()(scope, receive, send)

    def _now(self) -> float:
        return self._hub.manager.now()

    def _authenticate(self, scope: Scope) -> ApiKey:
        if self._keyring.is_empty:
            raise ApiError(
                503,
                "api_off",
                "The HTTP API is off, as no API key is configured: add one under api.keys in config.yaml.",
            )
        client = cast("tuple[str, int] | None", scope.get("client"))
        key = self._keyring.authenticate(scope["headers"], client[0] if client else "")
        if not self._hub.is_ready:
            text = "The server is going down, or has not started; try again in a moment."
            raise ApiError(503, "unavailable", text, retry_after=1.0)
        return key

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """The body. Raise `ApiError` where it is too large, or no JSON."""
        if scope["method"] not in _WITH_BODY:
            return b""
        headers: Headers = scope["headers"]
        told = _header(headers, b"content-length")
        if told.isdigit() and int(told) > self._config.max_body:
            raise self._too_large()
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ApiError(400, "invalid", "The request ended before its body did.")
            body += message.get("body", b"")
            if len(body) > self._config.max_body:
                raise self._too_large()
            if not message.get("more_body", False):
                break
        if body:
            _check_media_type(headers)
            _check_json(body)
        return bytes(body)

    def _too_large(self) -> ApiError:
        limit = self._config.max_body
        return ApiError(413, "too_large", f"The body has more than {limit} bytes, the limit of api.max_body.")

    async def _call(self, scope: Scope, key: ApiKey, body: bytes, send: Send) -> None:
        headers: Headers = scope["headers"]
        repeatable = idempotency_key(headers) if scope["method"] in _CHANGING else None
        inner = {
            **scope,
            "path": with_names_kept_whole(scope),
            CALLER: Caller(self._hub, key, repeatable),
        }
        if repeatable is None:
            await self._app(inner, _replay(body), send)
            return
        raw = cast("bytes | None", scope.get("raw_path")) or cast(str, scope["path"]).encode()
        fingerprint = fingerprint_of(scope["method"].encode(), raw, scope["query_string"], body)
        earlier = self._idempotency.begin(key.name, repeatable, fingerprint)
        if earlier is not None:
            await earlier.send_again(send)
            return
        recording = self._idempotency.record(key.name, repeatable, fingerprint, send)
        try:
            await self._app(inner, _replay(body), recording.send)
        finally:
            recording.finish()


def _check_media_type(headers: Headers) -> None:
    media_type = _header(headers, b"content-type").partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise ApiError(
            415,
            "unsupported_media_type",
            "The body must be JSON: send the header Content-Type: application/json.",
            headers={"Accept-Post": "application/json"},
        )
    if _header(headers, b"content-encoding").lower() not in (b"", b"identity"):
        raise ApiError(
            415,
            "unsupported_media_type",
            "The body must not be compressed.",
            headers={"Accept-Encoding": "identity"},
        )


def _check_json(body: bytearray) -> None:
    # The framework's own parser takes NaN, and lone surrogates, which have no place in an event.
    try:
        msgspec.json.decode(body)
    except RecursionError:
        raise ApiError(400, "bad_json", "The body is nested too deeply.") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise ApiError(400, "bad_json", f"The body is no JSON: {error}") from None


def _header(headers: Headers, wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")


def _replay(body: bytes) -> Receive:
    """An ASGI ``receive`` that gives the body, and then nothing."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    return receive


def _uncached(send: Send) -> Send:
    """``send`` that forbids caches to keep the answer."""

    async def send_uncached(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"cache-control", b"no-store")]
            message = {**message, "headers": headers}
        await send(message)

    return send_uncached
