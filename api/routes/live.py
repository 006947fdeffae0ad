"""The live stream over HTTP: server-sent events (WHATWG HTML § 9.2)."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

import msgspec
from litestar import Router, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, Parameter
from litestar.response import Stream

from api.auth import AuthPhone, requires_phone
from api.routes.devices import key_of
from api.routes.resources import LARGEST_ID
from geo.errors import Fault, InvalidInput
from offers.engine.answers import Delivered
from offers.handing.live import Listener, LiveHub, Told
from offers.handing.previews import Preview

HEARTBEAT_EVERY_S: Final = 15.0
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


@get(
    "/v1/live",
    guards=[requires_phone],
    operation_id="followLive",
    summary="Deliveries as they happen",
    responses={
        200: ResponseSpec(
            Delivered,
            media_type="text/event-stream",
            description="Per delivery an event: `id` is its seq, `data` this JSON on one line. On a test"
            " phone also events `preview`, without an id: `data` is an item of `GET /v1/previews`. For"
            " drivers events `parking`, without an id: `data` is an item of `GET /v1/parking/prompts`.",
        )
    },
)
async def follow_live(
    phone: AuthPhone,
    state: State,
    after_seq: Annotated[
        int,
        Parameter(ge=0, le=LARGEST_ID, description="Begin after this `seq`; 0: with all that still holds."),
    ] = 0,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(
            name="Last-Event-ID", max_length=40, description="The last `id` received; wins over after_seq."
        ),
    ] = None,
) -> Stream:
    """An event `delivery` for each, as it was told in the answer to the fix, and a comment every 15 s.

    Its data is a `Delivered`: an item of the inbox without what has become of it since.

    After a break go on from the last `id`: nothing is skipped and nothing comes twice. The stream
    ends when the phone is revoked, or the server stops. 429 when too many are open.
    """
    hub: LiveHub = state.live
    listener = hub.listen(key_of(phone), phone.device_id, _first_seq(last_event_id, after_seq))
    return Stream(_events(hub, listener), media_type="text/event-stream", headers=_HEADERS)


async def _events(hub: LiveHub, listener: Listener) -> AsyncIterator[bytes]:
    yield b": welcome\n\n"  # headers leave at once, and the client knows that it is connected
    try:
        while True:
            told = await listener.next(HEARTBEAT_EVERY_S)
            if told:
                yield b"".join(map(event_of, told))
            elif listener.is_closed:
                return
            else:
                yield b": still here\n\n"
    finally:
        hub.leave(listener)


def event_of(told: Told) -> bytes:
    """JSON has no line breaks, so one data line holds it. Only from a delivery's id a stream goes on."""
    data = msgspec.json.encode(told)
    if isinstance(told, Delivered):
        return b"id: %d\nevent: delivery\ndata: %b\n\n" % (told.seq, data)
    return b"event: %b\ndata: %b\n\n" % (b"preview" if isinstance(told, Preview) else b"parking", data)


def _first_seq(last_event_id: str | None, after_seq: int) -> int:
    if last_event_id is None or not last_event_id.strip():
        return after_seq
    text = last_event_id.strip()
    if not (text.isascii() and text.isdigit()) or int(text) > LARGEST_ID:
        reason = "is not an id of this stream"
        raise InvalidInput(f"Last-Event-ID {reason}.", faults=(Fault("Last-Event-ID", reason),))
    return int(text)


router: Final = Router("/", route_handlers=[follow_live], tags=["Offers on the phone"])
