"""Quotes: a price for a stay, with all that it rests on, which holds for ten minutes and is used once.

Owns the table `parking_quotes` and how a wish becomes a quote. Needs no position: a zone is named by its id
or by the code on its sign. Whether a stay may begin with a quote is `offers.parking.stays`', the price
`offers.parking.stay_prices`'.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput, NotFound
from geo.wall_clock import zone_of
from offers.parking import rights
from offers.parking.permits import classes_of_plate
from offers.parking.plate_keys import PlateKey
from offers.parking.plates import Plate
from offers.parking.stay_prices import (
    Terms,
    buy,
    check_allowed,
    scale_of,
    until_of,
)
from offers.parking.stays import QUOTE_HOLDS, Quoted, check_start
from offers.parking.tariff_versions import TariffVersion, read_version, tariff_of_zone
from offers.parking.tariffs import Charge, FreeUse, Step
from offers.parking.zones import Zone, read_zone, zones_by_code
from offers.people.keys import CustomerKey

_ADD: Final = """
    INSERT INTO parking_quotes (bucket, customer_id, quote_id, zone_id, tariff_id, tariff_version, classes,
                                plate_hmac, plate_sealed, starts_at, until, covered_until, price_minor,
                                currency, fps_minor, free_before, quoted_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::text::jsonb, $17, $18)
"""
_READ: Final = """
    SELECT quote_id, zone_id, tariff_id, tariff_version, classes, plate_hmac, plate_sealed,
           starts_at, until, covered_until, price_minor, currency, fps_minor,
           free_before::text AS free_before, expires_at, used_by
    FROM parking_quotes WHERE bucket = $1 AND customer_id = $2 AND quote_id = $3
"""
_USE: Final = """
    UPDATE parking_quotes SET used_by = $4 WHERE bucket = $1 AND customer_id = $2 AND quote_id = $3
"""
_USES: Final = msgspec.json.Decoder(tuple[FreeUse, ...])


class ZoneWish(NamedTuple):
    """Which zone: by id, or by the code on the sign and, where several signs say so, its operator."""

    zone_id: int | None
    code: str | None
    retailer_id: int | None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be priced. One of `until` and `duration_min` (in paid hours); without a plate it informs."""

    zone: ZoneWish
    plate: Plate | None
    user_class: str | None
    starts_at: datetime | None
    until: datetime | None
    duration_min: int | None


class ScaleStep(msgspec.Struct, frozen=True, kw_only=True):
    """A stay that ends after the step before, and at `until` the latest, costs `price_minor`.

    `until` null: the price rises no more within a year. `paid_minutes` are those until then.
    """

    until: datetime | None
    paid_minutes: int
    price_minor: int


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A stay and its price, pinned to a version of the tariff. `has_plate`: a stay can begin with it.

    Until `covered_until` nothing more is due, though the stay ends at `ends_at`. `fps_minor` is what a stay
    without payment costs there (France: forfait de post-stationnement). `scale` is every price from the
    start, `classes` what the plate parks as beside a visitor.
    """

    quote_id: UUID
    zone_id: int
    zone_code: str
    zone_name: str
    operator: str
    time_zone: str
    tariff_id: int
    tariff_version: int
    tariff_name: dict[str, str]
    classes: list[str]
    has_plate: bool
    starts_at: datetime
    ends_at: datetime
    covered_until: datetime
    price_minor: int
    currency: str
    paid_minutes: int
    free_minutes: int
    lines: tuple[Charge, ...]
    scale: list[ScaleStep]
    fps_minor: int | None
    expires_at: datetime


class KeptQuote(msgspec.Struct, frozen=True, kw_only=True):
    """A quote as it is kept."""

    quote_id: UUID
    zone_id: int
    tariff_id: int
    tariff_version: int
    classes: list[str]
    plate_hmac: bytes | None
    plate_sealed: bytes | None
    starts_at: datetime
    until: datetime
    covered_until: datetime
    price_minor: int
    currency: str
    fps_minor: int | None
    free_before: tuple[FreeUse, ...]
    expires_at: datetime
    used_by: UUID | None

    @property
    def quoted(self) -> Quoted:
        """What of it decides whether it may be used."""
        has_plate = self.plate_hmac is not None
        return Quoted(expires_at=self.expires_at, has_plate=has_plate, used_by=self.used_by)


async def make_quote(
    connection: asyncpg.Connection, key: CustomerKey, wish: Wish, plate_key: PlateKey, now: datetime
) -> Quote:
    """Price the wish, and keep the price. The customer is locked; `now` is the time under the lock.

    Raises InvalidInput by field; NotFound for the zone; Conflict `zone_closed`, `zone_ambiguous`,
    `zone_not_paid`, `parking_forbidden`, `stay_not_allowed`.
    """
    zone = await find_zone(connection, wish.zone)
    starts_at = wish.starts_at or now
    check_start(starts_at, now)
    hmacs = [] if wish.plate is None else plate_key.hmacs(wish.plate)
    classes = await _classes(connection, zone, wish.user_class, hmacs, starts_at)
    version = await _version(connection, zone, starts_at)
    terms = Terms(
        tariff=version.tariff,
        zone=zone_of(zone.time_zone),
        classes=classes,
        free_before=await rights.free_minutes_used(connection, hmacs, version.tariff_id, starts_at),
    )
    bought = buy(terms, starts_at, until_of(terms, starts_at, wish.until, wish.duration_min))
    check_allowed(zone.restrictions, terms, starts_at, bought.until)
    quote = Quote(
        quote_id=uuid4(),
        zone_id=zone.zone_id,
        zone_code=zone.code,
        zone_name=zone.name,
        operator=zone.operator,
        time_zone=zone.time_zone,
        tariff_id=version.tariff_id,
        tariff_version=version.version,
        tariff_name=version.tariff.name,
        classes=sorted(classes),
        has_plate=wish.plate is not None,
        starts_at=starts_at,
        ends_at=bought.until,
        covered_until=bought.covered_until,
        price_minor=bought.price_minor,
        currency=bought.priced.currency,
        paid_minutes=bought.priced.paid_minutes,
        free_minutes=bought.priced.free_minutes,
        lines=bought.priced.lines,
        scale=[_step(one) for one in scale_of(terms, starts_at)],
        fps_minor=bought.priced.fps_minor,
        expires_at=now + QUOTE_HOLDS,
    )
    await connection.execute(
        _ADD,
        *key,
        quote.quote_id,
        quote.zone_id,
        quote.tariff_id,
        quote.tariff_version,
        quote.classes,
        hmacs[0] if hmacs else None,
        None if wish.plate is None else plate_key.seal(wish.plate),
        starts_at,
        quote.ends_at,
        quote.covered_until,
        quote.price_minor,
        quote.currency,
        quote.fps_minor,
        msgspec.json.encode(terms.free_before).decode(),
        now,
        quote.expires_at,
    )
    return quote


async def read_quote(connection: asyncpg.Connection, key: CustomerKey, quote_id: UUID) -> KeptQuote:
    """Raises NotFound, for another customer's too."""
    row = await connection.fetchrow(_READ, *key, quote_id)
    if row is None:
        raise NotFound("There is no such quote.")
    return KeptQuote(**{**row, "free_before": _USES.decode(row["free_before"])})


async def use_quote(
    connection: asyncpg.Connection, key: CustomerKey, quote_id: UUID, session_id: UUID | None
) -> None:
    """It is used by this stay; None: by none any more, since no stay came of it."""
    await connection.execute(_USE, *key, quote_id, session_id)


async def find_zone(connection: asyncpg.Connection, wish: ZoneWish) -> Zone:
    """The one zone that is meant, if anything can be bought there. Raises as `make_quote`."""
    if wish.zone_id is not None:
        zone = await read_zone(connection, wish.zone_id)
    else:
        assert wish.code is not None, "a zone is named by one of the two"
        found = await zones_by_code(connection, wish.code, wish.retailer_id)
        if len(found) > 1:
            operators = ", ".join(f"{one.retailer_id} ({one.operator})" for one in found)
            detail = f"Several zones have this code; name the operator: {operators}."
            raise Conflict(detail, code="zone_ambiguous")
        [zone] = found
    check_open(zone)
    return zone


def check_open(zone: Zone) -> None:
    """Raise Conflict `zone_closed` where nothing can be bought any more."""
    if not zone.is_open:
        raise Conflict("This zone is closed; nothing is sold there now.", code="zone_closed")


async def pinned_terms(
    connection: asyncpg.Connection,
    zone: Zone,
    tariff_id: int,
    version: int,
    classes: Sequence[str],
    free_before: Sequence[FreeUse],
) -> Terms:
    """By what a quote or a stay was priced and always will be."""
    pinned = await read_version(connection, tariff_id, version)
    return Terms(
        tariff=pinned.tariff,
        zone=zone_of(zone.time_zone),
        classes=frozenset(classes),
        free_before=tuple(free_before),
    )


def _step(one: Step) -> ScaleStep:
    return ScaleStep(until=one.until, paid_minutes=one.paid_minutes, price_minor=one.price_minor)


async def _classes(
    connection: asyncpg.Connection,
    zone: Zone,
    wished: str | None,
    hmacs: Sequence[bytes],
    at: datetime,
) -> frozenset[str]:
    """A plate parks as what its permits say. Without one a class is taken at its word: it only informs."""
    if not hmacs:
        return frozenset([] if wished is None else [wished])
    permitted = await classes_of_plate(connection, zone, hmacs, at)
    if wished is not None and wished not in permitted:
        reason = "is not what this plate has a permit for here"
        raise InvalidInput(f"user_class {reason}.", faults=(Fault("user_class", reason),))
    return permitted


async def _version(connection: asyncpg.Connection, zone: Zone, at: datetime) -> TariffVersion:
    found = await tariff_of_zone(connection, zone, at)
    if found is None:
        raise Conflict("Nothing is to be paid here in this app at that time.", code="zone_not_paid")
    return found
