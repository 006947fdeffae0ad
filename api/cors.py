"""Cross-origin requests (WHATWG Fetch § 3.2): which pages of other origins may call the API.

Owns the answers to preflights and the headers that let a page read the others. Stands in front of
everything, the fixes and refusals included, and only where the operator named origins. The API knows no
cookies, so credentials in Fetch's sense are never allowed: a page has to hold a token of its own.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

Application = Callable[[Any, Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_METHODS: Final = b"DELETE, GET, HEAD, PATCH, POST, PUT"
_TAKEN: Final = (
    b"Accept-Language, Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-Match,"
    b" If-None-Match, Last-Event-ID, X-Request-Id"
)
_SHOWN: Final = (
    b"ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate,"
    b" X-Request-Id"
)
_REMEMBERED_S: Final = b"7200"  # no browser keeps a preflight for longer


class Cors:
    """ASGI around `application`, for `origins` as browsers write them; ("*",) is any."""

    def __init__(self, application: Application, origins: Iterable[str], standing: Headers) -> None:
        self.application = application
        self._origins = frozenset(origin.encode() for origin in origins)
        self._is_open = b"*" in self._origins
        self._standing = standing

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        asked = {name: value for name, value in scope["headers"] if name in _OF_FETCH}
        allowed = self._allowed(asked.get(b"origin"))
        if allowed and scope["method"] == "OPTIONS" and b"access-control-request-method" in asked:
            await send({"type": "http.response.start", "status": 204, "headers": self._preflight(allowed)})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def send_readable(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._readable(message["headers"], allowed)
            await send(message)

        await self.application(scope, receive, send_readable)

    def _allowed(self, origin: bytes | None) -> bytes | None:
        """What to say is allowed; None for a request of no page, or of a page that nobody named."""
        if origin is None:
            return None
        if self._is_open:
            return b"*"
        return origin if origin in self._origins else None

    def _preflight(self, allowed: bytes) -> Headers:
        return [
            (b"access-control-allow-origin", allowed),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _TAKEN),
            (b"access-control-max-age", _REMEMBERED_S),
            (b"vary", b"Origin"),
            *self._standing,
        ]

    def _readable(self, headers: Iterable[tuple[bytes, bytes]], allowed: bytes | None) -> Headers:
        """Caches must keep answers to different origins apart, whether this one is allowed or not."""
        kept = list(headers)
        if not self._is_open:
            kept.append((b"vary", b"Origin"))
        if allowed:
            kept.append((b"access-control-allow-origin", allowed))
            kept.append((b"access-control-expose-headers", _SHOWN))
        return kept


_OF_FETCH: Final = frozenset({b"origin", b"access-control-request-method"})
