"""The outermost ASGI layer of everything but the fixes: ids, logs, metrics, headers, leftovers.

It wraps the router, so that an unknown path is logged, counted and answered like any other.
Owns no routes.
"""

import time
from typing import Any, Final

import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Message, Receive, Scope, Send

from api.bounds import refuse_oversized
from api.methods import allowed_at, is_head_of_a_get, told_method
from api.observability import Metrics
from api.problems import UnsupportedMediaType, problem_body
from api.requests import CONTENT_POLICY_NAME, CURRENT, RequestRecord, request_id_from
from api.short_addresses import routed
from geo.errors import AlentourError

_log = structlog.get_logger(__name__)

Headers = list[tuple[bytes, bytes]]

_NOT_KEPT: Final = (b"cache-control", b"no-store")
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class Edge:
    """An ASGI application around `litestar`; every answer gets the `standing` headers."""

    def __init__(self, litestar: Litestar, metrics: Metrics, standing: Headers) -> None:
        self.litestar = litestar
        self.state = litestar.state
        self._metrics = metrics
        self._standing = standing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.litestar(scope, receive, send)
            return
        record = RequestRecord(request_id_from(scope["headers"]))
        exchange = _Exchange(record.request_id, scope, send, self._standing)
        if exchange.is_bodiless:
            # HEAD is safe: it must not hand over what only a body can show.
            scope["method"], record.is_rehearsal = "GET", True
        token = CURRENT.set(record)
        with structlog.contextvars.bound_contextvars(request_id=record.request_id):
            try:
                await self._answer(scope, receive, exchange)
            finally:
                await record.abandon()
                CURRENT.reset(token)
                self._note(scope, exchange)

    async def _answer(self, scope: Any, receive: Receive, exchange: "_Exchange") -> None:
        try:
            refuse_oversized(scope)
            require_json(scope["method"], scope["path"], dict(scope["headers"]))
        except AlentourError as refusal:
            await exchange.refuse(refusal)
            return
        scope["path"] = routed(scope["method"], scope["path"])
        await self.litestar(scope, receive, exchange.send)

    def _note(self, scope: Any, exchange: "_Exchange") -> None:
        route = scope.get("path_template") or "unknown"
        seconds = time.perf_counter() - exchange.began
        method = told_method(exchange.method)
        self._metrics.requested(route, method, exchange.status, seconds)
        _log.info(
            "request",
            method=method,
            route=route,
            status=exchange.status,
            ms=round(seconds * 1000, 1),
        )


class _Exchange:
    """The answer on its way out: adds the headers every answer has, remembers the status.

    What somebody is told who showed credentials is for no cache, unless its route knows better. The
    answer to a HEAD leaves without its body.
    """

    def __init__(self, request_id: str, scope: HTTPScope, send: Send, standing: Headers) -> None:
        self.began = time.perf_counter()
        self.status = 499  # the client went away before there was an answer
        self.method, self._path = scope["method"], scope["path"]
        self.is_bodiless = is_head_of_a_get(self.method, self._path)
        self._is_personal = any(name == b"authorization" for name, _ in scope["headers"])
        self._request_id = request_id
        self._send = send
        self._standing = standing

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._completed([*map(self._in_order, message["headers"])])
        elif message["type"] == "http.response.body" and self.is_bodiless:
            message["body"] = b""
        await self._send(message)

    def _completed(self, headers: Headers) -> Headers:
        own = {name.lower() for name, _ in headers}
        headers.append((b"x-request-id", self._request_id.encode()))
        if self._is_personal and b"cache-control" not in own:
            headers.append(_NOT_KEPT)
        policy = {CONTENT_POLICY_NAME} & own
        return headers + [header for header in self._standing if header[0] not in policy]

    def _in_order(self, header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        name, value = header
        return (name, allowed_at(self._path, value.decode()).encode()) if name == b"allow" else header

    async def refuse(self, error: Exception) -> None:
        status, headers, body = problem_body(error, self._request_id)
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        length = (b"content-length", str(len(body)).encode())
        await self.send({"type": "http.response.start", "status": status, "headers": [*encoded, length]})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def require_json(method: str, path: str, headers: dict[bytes, bytes]) -> None:
    """Raises UnsupportedMediaType for a body that says it is not plain JSON; imports read CSV as well.

    Where there is no body its type is no matter: some clients name one all the same.
    """
    if method not in _WITH_BODY or headers.get(b"content-length") == b"0":
        return
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    is_table = media_type == b"text/csv" and path.rstrip("/").endswith("/import")
    if media_type and not (is_table or media_type == b"application/json" or media_type.endswith(b"+json")):
        raise UnsupportedMediaType("Send application/json.")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("Send the body uncompressed; only /v1/fixes reads gzip.")
