"""What a driver does with a stay: begins it, makes it longer, stops it.

Each is one transaction under the customer's lock, which writes what is asked and what is to be paid or given
back; asking the provider comes after its COMMIT (`offers.parking.money`), and what it answers is written by
`offers.parking.settled`. The same operation again changes nothing and finds what it did.
"""

from datetime import datetime
from uuid import UUID, uuid4, uuid5

import asyncpg
import msgspec

from geo.errors import Conflict
from offers.parking import rights, stays
from offers.parking.money import Back, Due, Money
from offers.parking.plate_keys import PlateKey
from offers.parking.prompts import settle_prompts
from offers.parking.quotes import KeptQuote, check_open, pinned_terms, read_quote, use_quote
from offers.parking.sessions import (
    Session,
    add_purchase,
    add_session,
    change_stay,
    owner_of,
    purchase_of_operation,
    read_session,
    session_of_operation,
    terms_of,
)
from offers.parking.stay_prices import Bought, Terms, buy_more, check_allowed, until_of, worth_at
from offers.parking.stay_rules import read_stay_rules
from offers.parking.stays import Purchase
from offers.parking.tariffs import may_return_at
from offers.parking.time_passes import do_due
from offers.parking.zones import Zone, read_zone
from offers.people.customers import lock_customers
from offers.people.keys import CustomerKey


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """With which quote, paid how (a token of the provider's), and when to be reminded before the end."""

    quote_id: UUID
    method: str | None
    remind_s: int | None


class Longer(msgspec.Struct, frozen=True, kw_only=True):
    """Until when, or by how many paid minutes; `price_minor` is what the driver was shown, if anything."""

    until: datetime | None
    duration_min: int | None
    method: str | None
    price_minor: int | None


class Driver(msgspec.Struct, frozen=True):
    """Who drives, and by what money comes and plates are read."""

    key: CustomerKey
    money: Money
    plate_key: PlateKey


async def begin_stay(
    connection: asyncpg.Connection, driver: Driver, asked: Beginning, operation_id: UUID
) -> Session:
    """A stay by its quote: active where it costs nothing, else pending with a payment to be settled.

    Raises NotFound for the quote; Conflict `quote_used`, `quote_expired`, `quote_without_plate`,
    `quote_outdated`, `zone_closed`, `already_parked`, `no_return`; InvalidInput (`payment_method`).
    """
    now = await lock_customers(connection, driver.key)
    if (done := await session_of_operation(connection, driver.key, operation_id)) is not None:
        return _same(done, asked.quote_id)
    await do_due(connection, driver.key, now)
    quote = await read_quote(connection, driver.key, asked.quote_id)
    stays.check_quote(quote.quoted, now)
    zone = await read_zone(connection, quote.zone_id)
    check_open(zone)
    session_id = uuid4()
    terms = await pinned_terms(
        connection, zone, quote.tariff_id, quote.tariff_version, quote.classes, quote.free_before
    )
    await _claim(connection, driver, zone, quote, session_id, terms)
    bought = Purchase(
        purchase_id=uuid4(),
        until=quote.until,
        covered_until=quote.covered_until,
        price_minor=quote.price_minor,
        state="pending",
        asked_at=now,
    )
    due = Due(
        operation_id=operation_id,
        purchase_id=bought.purchase_id,
        retailer_id=zone.retailer_id,
        amount_minor=bought.price_minor,
        currency=quote.currency,
        method=asked.method,
    )
    bought = await _asked_to_pay(connection, driver, bought, due, now)
    session = _begun(driver.key, quote, session_id, bought, asked.remind_s, now)
    await use_quote(connection, driver.key, quote.quote_id, session_id)
    await add_session(connection, session, operation_id, now)
    if session.stay.state == "active":
        await answered(connection, session, now)
    return session


async def extend_stay(
    connection: asyncpg.Connection, driver: Driver, session_id: UUID, asked: Longer, operation_id: UUID
) -> tuple[Session, UUID]:
    """The stay and the purchase that makes it longer, once that is paid.

    Raises NotFound; Conflict `stay_ended`, `payment_pending`, `stay_not_allowed`, `parking_forbidden`,
    `price_changed`, `zone_closed`; InvalidInput (`until`, `payment_method`).
    """
    owner = await owner_of(connection, driver.key, session_id)
    now = await lock_customers(connection, owner)
    if (done := await purchase_of_operation(connection, owner, operation_id)) is not None:
        return await read_session(connection, owner, done[0]), done[1]
    session = await read_session(connection, owner, session_id)
    zone = await read_zone(connection, session.zone_id)
    check_open(zone)
    terms = await terms_of(connection, session, zone)
    bought = _longer(session, terms, zone, asked, now)
    driver = Driver(owner, driver.money, driver.plate_key)
    purchase = Purchase(
        purchase_id=uuid4(),
        until=bought.until,
        covered_until=bought.covered_until,
        price_minor=bought.price_minor,
        state="pending",
        asked_at=now,
    )
    due = Due(
        operation_id=operation_id,
        purchase_id=purchase.purchase_id,
        retailer_id=zone.retailer_id,
        amount_minor=purchase.price_minor,
        currency=session.currency,
        method=asked.method,
    )
    purchase = await _asked_to_pay(connection, driver, purchase, due, now)
    longer = stays.extended(session.stay, purchase, now)
    await add_purchase(connection, session, longer.purchases[-1], operation_id)
    session = await change_stay(connection, session, longer, now)
    if longer.pending is None:
        await answered(connection, session, now)
    return session, purchase.purchase_id


async def stop_stay(
    connection: asyncpg.Connection, driver: Driver, session_id: UUID
) -> tuple[Session, list[UUID]]:
    """The ended stay, and the refunds to be settled.

    Raises NotFound; Conflict `stay_ended`, `payment_pending`.
    """
    owner = await owner_of(connection, driver.key, session_id)
    now = await lock_customers(connection, owner)
    session = await read_session(connection, owner, session_id)
    rules = await read_stay_rules(connection, session.zone_id)
    worth_minor = None
    if rules.pays_actual_time:
        worth_minor = worth_at(await terms_of(connection, session), session.stay, now)
    ended, refunds = stays.stopped(session.stay, now, worth_minor)
    settled: list[UUID] = []
    for purchase, amount_minor in refunds:
        assert purchase.payment_id is not None, "what cost something was paid"
        back = Back(
            operation_id=uuid5(purchase.purchase_id, "stopped early"),
            payment_id=purchase.payment_id,
            amount_minor=amount_minor,
            reason="stopped early",
        )
        settled.append(await driver.money.give_back(connection, owner, back, now))
    session = await change_stay(connection, session, ended, now)
    await answered(connection, session, now)
    return session, settled


async def answered(connection: asyncpg.Connection, session: Session, now: datetime) -> None:
    """What the driver was asked about this stay or its zone needs no more showing."""
    await settle_prompts(
        connection, session.key, session_id=session.session_id, zone_id=session.zone_id, now=now
    )


async def _claim(
    connection: asyncpg.Connection,
    driver: Driver,
    zone: Zone,
    quote: KeptQuote,
    session_id: UUID,
    terms: Terms,
) -> None:
    assert quote.plate_hmac is not None, "checked: it has a plate"
    assert quote.plate_sealed is not None, "both or none"
    hmacs = driver.plate_key.hmacs(driver.plate_key.open(quote.plate_sealed))
    claimed = rights.Claim(
        right_id=session_id,
        plate_hmac=quote.plate_hmac,
        plate_sealed=quote.plate_sealed,
        zone_id=zone.zone_id,
        retailer_id=zone.retailer_id,
        tariff_id=quote.tariff_id,
        tariff_version=quote.tariff_version,
        classes=quote.classes,
        starts_at=quote.starts_at,
        ends_at=quote.until,
        covered_until=quote.covered_until,
        currency=quote.currency,
        fps_minor=quote.fps_minor,
    )
    earlier = await rights.claim(connection, claimed, hmacs)
    stays.check_no_return(
        earlier,
        quote.starts_at,
        lambda left: may_return_at(terms.tariff, ended_at=left, classes=terms.classes),
    )
    # The claim keeps others out, so this is what the plate has used when its stay begins.
    used = await rights.free_minutes_used(connection, hmacs, quote.tariff_id, quote.starts_at)
    if used != quote.free_before:
        detail = "Free minutes of this plate were used since; ask for another quote."
        raise Conflict(detail, code="quote_outdated")


async def _asked_to_pay(
    connection: asyncpg.Connection, driver: Driver, purchase: Purchase, due: Due, now: datetime
) -> Purchase:
    """With its payment; none where it costs nothing."""
    if purchase.price_minor == 0:
        return purchase
    payment_id = await driver.money.begin(connection, driver.key, due, now)
    return msgspec.structs.replace(purchase, payment_id=payment_id)


def _begun(
    key: CustomerKey,
    quote: KeptQuote,
    session_id: UUID,
    bought: Purchase,
    remind_s: int | None,
    now: datetime,
) -> Session:
    assert quote.plate_hmac is not None, "checked: it has a plate"
    assert quote.plate_sealed is not None, "both or none"
    return Session(
        key=key,
        session_id=session_id,
        quote_id=quote.quote_id,
        zone_id=quote.zone_id,
        tariff_id=quote.tariff_id,
        tariff_version=quote.tariff_version,
        classes=quote.classes,
        plate_hmac=quote.plate_hmac,
        plate_sealed=quote.plate_sealed,
        currency=quote.currency,
        fps_minor=quote.fps_minor,
        free_before=quote.free_before,
        created_at=now,
        stay=stays.begun(bought, quote.starts_at, remind_s=remind_s, now=now),
    )


def _longer(session: Session, terms: Terms, zone: Zone, asked: Longer, now: datetime) -> Bought:
    stay = session.stay
    until = until_of(terms, stay.ends_at, asked.until, asked.duration_min)
    stays.check_extendable(stay, until, now)
    bought = buy_more(terms, stay, until)
    check_allowed(zone.restrictions, terms, stay.ends_at, bought.until)
    if asked.price_minor is not None and asked.price_minor != bought.price_minor:
        detail = f"It costs {bought.price_minor} {session.currency} in minor units, not {asked.price_minor}."
        raise Conflict(detail, code="price_changed")
    return bought


def _same(done: Session, quote_id: UUID) -> Session:
    if done.quote_id != quote_id:
        raise Conflict("This Idempotency-Key began another stay before; send a new one.")
    return done
