"""Parking stays over HTTP, for drivers: quotes, then sessions that are begun, extended and stopped."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import asyncpg
import msgspec
from litestar import Response, Router, get, post
from litestar.datastructures import State
from litestar.params import JSONBody, Parameter

from api.auth import AuthPhone, Phone, requires_phone
from api.database import LATE, PLAIN, Database, Late, Tx
from api.idempotency import OperationId, once, once_required
from api.pages import Cursor, Limit, Page, page_of, read_text_cursor
from api.routes.devices import key_of
from api.routes.resources import LARGEST_ID
from geo.errors import Conflict, Fault, InvalidInput
from offers.parking import driving
from offers.parking.customer_plates import note_use, read_plate_of
from offers.parking.driving import Beginning, Driver, Longer
from offers.parking.plates import LONGEST_TYPED, Plate, read_plate
from offers.parking.quotes import Quote, Wish, ZoneWish, make_quote
from offers.parking.session_views import SessionTold, Teller
from offers.parking.sessions import Session, list_sessions, owner_of, read_session
from offers.parking.stays import Stay
from offers.people.customers import lock_customers, read_preferences

_NOT_KEPT: Final = {"cache-control": "no-store"}
_MOST_MINUTES: Final = 366 * 24 * 60
_CODE: Final = "As on the sign; capitals and spaces do not matter."
_OPERATOR: Final = "Whose sign it is: the `retailer_id` of its operator, where several have this code."
_CLASS: Final = "Such as `resident`. A plate parks as what its permits say; this asks for one of them."
_MINUTES: Final = "Minutes in paid hours; free hours between them cost nothing and do not count."
_METHOD: Final = "The provider's token, made on the phone. Card data never comes here."
_REMIND: Final = "How many minutes before the end you want to be reminded; null: not at all."

Minutes = Annotated[int, msgspec.Meta(ge=1, le=_MOST_MINUTES, description=_MINUTES)]
Method = Annotated[str, msgspec.Meta(min_length=1, max_length=255, description=_METHOD)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
SessionId = Annotated[UUID, Parameter(description="Of the parking session.")]
StateWanted = Annotated[
    Literal["pending", "active", "ended"] | None, Parameter(description="Only those in this state.")
]
_FIRST: Final = f"9999-12-31T00:00:00+00:00 {UUID(int=2**128 - 1)}"


class QuoteDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`zone_id` or `code`; `until` or `duration_min`; `plate_id` (one of yours), `plate`, or neither.

    `start` is now where it is left out. Without a plate the quote only informs, for `user_class` if given.
    """

    zone_id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)] | None = None
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=32, description=_CODE)] | None = None
    retailer_id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID, description=_OPERATOR)] | None = None
    plate_id: UUID | None = None
    plate: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TYPED)] | None = None
    country: (
        Annotated[str, msgspec.Meta(description="Of the plate, ISO 3166; left out: where you live.")] | None
    ) = None
    user_class: Annotated[str, msgspec.Meta(max_length=40, description=_CLASS)] | None = None
    start: Moment | None = None
    until: Moment | None = None
    duration_min: Minutes | None = None


class SessionDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The quote, and how to pay for it; nothing to pay needs no method."""

    quote_id: UUID
    payment_method: Method | None = None
    remind_before_min: Annotated[int, msgspec.Meta(ge=1, le=120, description=_REMIND)] | None = 10


class Extension(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The new end, or by how many paid minutes. `price_minor`: what you were shown; another is refused."""

    until: Moment | None = None
    duration_min: Minutes | None = None
    payment_method: Method | None = None
    price_minor: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)] | None = None


@post(
    "/v1/parking/quotes",
    guards=[requires_phone],
    before_request=once,
    operation_id="quoteParking",
    summary="What does parking cost?",
    dependencies=PLAIN,
)
async def quote_parking(
    phone: AuthPhone, tx: Tx, state: State, data: JSONBody[QuoteDraft]
) -> Response[Quote]:
    """A price that holds for ten minutes, by the version of the tariff that it names, for one session.

    Needs no position and no consent. Only minutes in paid hours cost. What is bought ends where its price
    does: whoever asks for 47 minutes of a tariff by the quarter of an hour gets 60.
    """
    _check(data)
    key = key_of(phone)
    now = await lock_customers(tx, key)
    wish = Wish(
        zone=ZoneWish(data.zone_id, data.code, data.retailer_id),
        plate=await _plate(tx, phone, state, data, now),
        user_class=data.user_class,
        starts_at=data.start,
        until=data.until,
        duration_min=data.duration_min,
    )
    quote = await make_quote(tx, key, wish, state.plate_key, now)
    return Response(quote, status_code=201, headers=_NOT_KEPT)


@post(
    "/v1/parking/sessions",
    guards=[requires_phone],
    before_request=once_required,
    operation_id="beginParking",
    summary="Park, and pay",
    dependencies=LATE,
)
async def begin_parking(
    phone: AuthPhone, state: State, late: Late, operation_id: OperationId, data: JSONBody[SessionDraft]
) -> Response[SessionTold]:
    """Begins a session with a quote that names a plate. Needs an `Idempotency-Key`: however often it is sent,
    you are charged once.

    `state` is `active` once it is paid, or where nothing is to be paid. `pending` with a `payment` in
    `requires_action`: let your bank confirm it on the phone with the `client_secret`; the session begins as
    soon as it has. 409 `payment_declined`: there is no session, and the quote may be used with another
    method.
    """
    assert operation_id is not None, "the route requires an Idempotency-Key"
    remind_s = None if data.remind_before_min is None else 60 * data.remind_before_min
    asked = Beginning(quote_id=data.quote_id, method=data.payment_method, remind_s=remind_s)
    driver = _driver(phone, state)
    async with late.transaction() as tx:
        session = await driving.begin_stay(tx, driver, asked, operation_id)
    session = await _settled(state, session)
    if session.stay.state == "dropped":
        raise declined()
    return await _told(state, session, 201)


@post(
    "/v1/parking/sessions/{session_id:uuid}/extend",
    status_code=200,
    guards=[requires_phone],
    before_request=once_required,
    operation_id="extendParking",
    summary="Park longer",
    dependencies=LATE,
)
async def extend_parking(
    session_id: SessionId,
    phone: AuthPhone,
    state: State,
    late: Late,
    operation_id: OperationId,
    data: JSONBody[Extension],
) -> Response[SessionTold]:
    """A second payment. By a cumulative tariff the whole stay costs as if it had been bought at once; what
    each longer end costs is in `extensions` of the session.

    409 `payment_declined`: the session goes on as it was. The answer has `payment` where your bank asks for a
    confirmation.
    """
    assert operation_id is not None, "the route requires an Idempotency-Key"
    _check_end(data.until, data.duration_min)
    asked = Longer(
        until=data.until,
        duration_min=data.duration_min,
        method=data.payment_method,
        price_minor=data.price_minor,
    )
    async with late.transaction() as tx:
        session, purchase_id = await driving.extend_stay(
            tx, _driver(phone, state), session_id, asked, operation_id
        )
    session = await _settled(state, session)
    if _has_failed(session.stay, purchase_id):
        raise declined()
    return await _told(state, session, 200)


@post(
    "/v1/parking/sessions/{session_id:uuid}/stop",
    status_code=200,
    guards=[requires_phone],
    before_request=once,
    operation_id="stopParking",
    summary="Stop parking",
    dependencies=LATE,
)
async def stop_parking(
    session_id: SessionId, phone: AuthPhone, state: State, late: Late
) -> Response[SessionTold]:
    """Ends the session now. Where the zone has you pay the actual time (`pays_actual_time`), the rest is
    given back to how you paid. An extension still being paid is given back in full. 409 `stay_ended` for a
    session that has ended.
    """
    async with late.transaction() as tx:
        session, refunds = await driving.stop_stay(tx, _driver(phone, state), session_id)
    for refund_id in refunds:
        await state.parking_money.settle_refund(session.key, refund_id)
    return await _told(state, session, 200)


@get(
    "/v1/parking/sessions",
    guards=[requires_phone],
    operation_id="listParkingSessions",
    summary="Your parking sessions",
    dependencies=PLAIN,
)
async def list_parking_sessions(
    phone: AuthPhone,
    tx: Tx,
    state: State,
    session_state: StateWanted = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response[Page[SessionTold]]:
    """The newest first, without what longer stays would cost."""
    before = _position(read_text_cursor(cursor) or _FIRST)
    found = await list_sessions(tx, key_of(phone), state=session_state, before=before, at_most=limit + 1)
    page = page_of(found, limit, lambda one: f"{one.created_at.isoformat()} {one.session_id}")
    told = await Teller(tx, state.plate_key).tell_all(page.items)
    return Response(Page(items=told, next_cursor=page.next_cursor), headers=_NOT_KEPT)


@get(
    "/v1/parking/sessions/{session_id:uuid}",
    guards=[requires_phone],
    operation_id="readParkingSession",
    summary="A parking session",
    dependencies=PLAIN,
)
async def read_parking_session(
    session_id: SessionId, phone: AuthPhone, tx: Tx, state: State
) -> Response[SessionTold]:
    """How it stands, what was paid, and what a longer stay would cost."""
    owner = await owner_of(tx, key_of(phone), session_id)
    session = await read_session(tx, owner, session_id)
    return Response(await Teller(tx, state.plate_key).tell(session), headers=_NOT_KEPT)


def declined() -> Conflict:
    return Conflict("The payment was declined; nothing was charged.", code="payment_declined")


def _driver(phone: Phone, state: State) -> Driver:
    return Driver(key_of(phone), state.parking_money, state.plate_key)


async def _settled(state: State, session: Session) -> Session:
    """With what became of its payment by now. The effect is committed: nothing here may undo it."""
    pending = session.stay.pending
    if pending is None or pending.payment_id is None:
        return session
    await state.parking_money.settle(session.key, pending.payment_id)
    database: Database = state.database
    async with database.connection() as connection:
        return await read_session(connection, session.key, session.session_id)


async def _told(state: State, session: Session, status: int) -> Response[SessionTold]:
    database: Database = state.database
    async with database.connection() as connection:
        told = await Teller(connection, state.plate_key).tell(session)
    return Response(told, status_code=status, headers=_NOT_KEPT)


def _has_failed(stay: Stay, purchase_id: UUID) -> bool:
    return any(one.purchase_id == purchase_id and one.state == "failed" for one in stay.purchases)


async def _plate(
    tx: asyncpg.Connection, phone: Phone, state: State, data: QuoteDraft, now: datetime
) -> Plate | None:
    key = key_of(phone)
    if data.plate_id is not None:
        plate = await read_plate_of(tx, key, data.plate_id, state.plate_key)
        await note_use(tx, key, data.plate_id, now.date())
        return plate.itself
    if data.plate is None:
        return None
    country = data.country or (await read_preferences(tx, key)).home
    if country is None:
        raise _wrong("country", "is required: your preferences name none")
    return read_plate(data.plate, country)


def _check(data: QuoteDraft) -> None:
    if (data.zone_id is None) == (data.code is None):
        raise _wrong("zone_id", "or code is to be given, one of the two")
    if data.plate_id is not None and data.plate is not None:
        raise _wrong("plate", "or plate_id is to be given, not both")
    _check_end(data.until, data.duration_min)


def _check_end(until: datetime | None, duration_min: int | None) -> None:
    if (until is None) == (duration_min is None):
        raise _wrong("until", "or duration_min is to be given, one of the two")


def _wrong(field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{field} {reason}.", faults=(Fault(field, reason),))


def _position(text: str) -> tuple[datetime, UUID]:
    try:
        at, _, session_id = text.partition(" ")
        position = datetime.fromisoformat(at), UUID(session_id)
    except ValueError:
        position = None
    if position is None or position[0].tzinfo is None:
        raise _wrong("cursor", "is malformed")
    return position


router: Final = Router(
    "/",
    route_handlers=[
        quote_parking,
        begin_parking,
        extend_parking,
        stop_parking,
        list_parking_sessions,
        read_parking_session,
    ],
    tags=["Parking"],
)
