"""`POST /v1/fixes`: the one route that every phone calls all day, answered without the framework.

Reads, validates and queues a batch; the engine answers. It runs in front of the router because the
router's work per request would cost as much as the fix itself (docs/adr/0004). The same request and
answer are described in the OpenAPI document by `api.routes.fixes`.
"""

import time
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar.datastructures import State

from api.auth import parse_device_token
from api.bounds import (
    LARGEST_HEADERS_BYTES,
    LONGEST_URL_BYTES,
    MOST_HEADERS,
    headers_too_large,
    url_too_long,
)
from api.observability import Metrics
from api.problems import LARGEST_BODY_BYTES, BodyTooLarge, UnsupportedMediaType, problem_body
from api.rates import Rates
from api.refusals import log_unexpected, read_json
from api.requests import request_id_from
from geo.errors import AlentourError, Forbidden, InvalidInput, Unauthenticated
from geo.fixes import Fix
from offers.engine import Engine
from offers.engine.work import Sent

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

PATH: Final = "/v1/fixes"
_LONGEST_QUERY_BYTES: Final = LONGEST_URL_BYTES - len(PATH) - 1
_GZIP: Final = 16 + zlib.MAX_WBITS
_JSON_HEADERS: Final = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


FenceId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class FixReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One location report as a phone sends it.

    `fix_id` is chosen by the phone and makes a retry harmless. `accuracy_m` is the radius that
    holds the truth with 68 % confidence. Times carry a zone (RFC 3339).
    """

    fix_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
    recorded_at: Annotated[datetime, msgspec.Meta(tz=True)]
    speed_mps: Annotated[float, msgspec.Meta(ge=0, le=1_000)] | None = None
    heading_deg: Annotated[float, msgspec.Meta(ge=0, le=360)] | None = None
    mocked: bool = False


class FixesReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """Up to a hundred fixes, oldest first. `sent_at` is the phone's clock at the moment of sending.

    `monitored` names the fences that the phone's operating system watches right now.
    """

    sent_at: Annotated[datetime, msgspec.Meta(tz=True)]
    fixes: Annotated[list[FixReport], msgspec.Meta(min_length=1, max_length=100)]
    monitored: Annotated[list[FenceId], msgspec.Meta(max_length=100)] = []


_decode: Final = msgspec.json.Decoder(FixesReport).decode


def read_report(body: bytes) -> FixesReport:
    """The report in a JSON body; InvalidInput names the field and the reason."""
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # told by the careful reader
        report: FixesReport = read_json(body, FixesReport)
        return report


def work_of(report: FixesReport, bucket: int, token_hash: bytes) -> Sent:
    """The report as the engine takes it: Unix seconds on the phone's own clock."""
    return Sent(
        bucket,
        token_hash,
        report.sent_at.timestamp(),
        [
            Fix(
                fix_id=one.fix_id,
                at=one.recorded_at.timestamp(),
                lat=one.lat,
                lon=one.lon,
                accuracy_m=one.accuracy_m,
                speed_mps=one.speed_mps,
                heading_deg=one.heading_deg,
                mocked=one.mocked,
            )
            for one in report.fixes
        ],
        tuple(report.monitored),
    )


class FixesRoute:
    """ASGI: answers `POST /v1/fixes` itself and passes everything else to `otherwise`.

    `state` is the application's: its `engine` is there from start-up on. Every answer gets the
    `standing` headers.
    """

    def __init__(
        self, otherwise: Application, state: State, metrics: Metrics, standing: list[tuple[bytes, bytes]]
    ) -> None:
        self._otherwise = otherwise
        self.state = state
        self._rates: Rates = state.rates
        self._metrics = metrics
        self._standing = standing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._otherwise(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = request_id_from(scope["headers"])
        try:
            status, headers, body = 200, _JSON_HEADERS, await self._answer(scope, receive, began)
        except Exception as error:  # noqa: BLE001 - where this route's errors become answers
            if isinstance(error, Unauthenticated):
                self._rates.failed(scope)
            status, headers, body = _problem(error, request_id)
        headers = [*headers, (b"x-request-id", request_id.encode()), *self._standing]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
        self._metrics.fix_answered(status, time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, now: float) -> bytes:
        if len(scope["query_string"]) > _LONGEST_QUERY_BYTES:
            raise url_too_long()
        authorization = media_type = encoding = None
        size_bytes = 0
        for name, value in scope["headers"]:
            size_bytes += len(name) + len(value)
            if name == b"authorization":
                authorization = value
            elif name == b"content-type":
                media_type = value
            elif name == b"content-encoding":
                encoding = value
        if size_bytes > LARGEST_HEADERS_BYTES or len(scope["headers"]) > MOST_HEADERS:
            raise headers_too_large()
        bucket, token_hash = parse_device_token(authorization)
        who = self._rates.admit_phone(token_hash, scope, now)
        if media_type is not None and media_type.partition(b";")[0].strip().lower() != b"application/json":
            raise UnsupportedMediaType("Send application/json.")
        body = unpack(await _read(receive), encoding)
        work = work_of(read_report(body), bucket, token_hash)
        engine: Engine = self.state.engine
        try:
            answer = await engine.batcher.submit(work, len(body))
        except Forbidden:  # known, but not allowed to do this
            self._rates.remember(who)
            raise
        assert answer is not None
        self._rates.remember(who)
        return answer


async def _read(receive: Receive) -> bytes:
    """The whole body; BodyTooLarge as soon as it passes the limit."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY_BYTES:
            break
    if len(body) > LARGEST_BODY_BYTES:
        raise BodyTooLarge(f"A body may have {LARGEST_BODY_BYTES} bytes.")
    return body


def unpack(body: bytes, encoding: bytes | None) -> bytes:
    """The body without its content coding: gzip or none. Never more than the limit is unpacked."""
    if encoding is None or encoding == b"identity":
        return body
    if encoding.lower() != b"gzip":
        raise UnsupportedMediaType("The body may be gzip or plain.")
    unzip = zlib.decompressobj(_GZIP)
    try:
        plain = unzip.decompress(body, LARGEST_BODY_BYTES + 1)
    except zlib.error:
        raise InvalidInput("The body says gzip but is not.", code="malformed_gzip") from None
    if len(plain) > LARGEST_BODY_BYTES:
        raise BodyTooLarge(f"A body may have {LARGEST_BODY_BYTES} bytes, unpacked as well.")
    if not unzip.eof:
        raise InvalidInput("The gzip body is cut off.", code="malformed_gzip")
    return plain


def _problem(error: Exception, request_id: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    if not isinstance(error, AlentourError):
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            log_unexpected(error)
    status, told, body = problem_body(error, request_id)
    return status, [(name.encode(), value.encode()) for name, value in told.items()], body
