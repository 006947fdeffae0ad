"""Receipts of stays: what was paid for which plate, where, when and by which version of the tariff.

A receipt is made from rows that do not change once its stay has ended; before that it says so. Owns its
content, in numbers; the printed page is the edge's. Amounts include VAT where the zone states a rate.
"""

import contextlib
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import Conflict, NotFound
from offers.parking.session_views import Teller
from offers.parking.sessions import Session
from offers.parking.stay_rules import vat_minor
from offers.parking.stays import Ending
from offers.parking.tariff_versions import read_version
from offers.payments.payments import read_payment


class ReceiptLine(msgspec.Struct, frozen=True, kw_only=True):
    """One payment: when it was asked for, until when it reaches, what it was and what of it went back."""

    payment_id: UUID | None
    paid_at: datetime
    until: datetime
    amount_minor: int
    given_back_minor: int


class Vat(msgspec.Struct, frozen=True, kw_only=True):
    """Within the total. The rate is in hundredths of a percent: 2000 is 20 %."""

    basis_points: int
    vat_minor: int
    net_minor: int


class ParkingReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """`total_minor` is what was paid and not given back. `is_final`: the stay has ended.

    `money` is `sandbox` where nothing real was paid.
    """

    receipt_id: UUID
    issued_at: datetime
    is_final: bool
    operator: str
    zone_code: str
    zone_name: str
    time_zone: str
    country: str
    plate: str
    classes: list[str]
    tariff_id: int
    tariff_version: int
    tariff: str
    starts_at: datetime
    ends_at: datetime
    ended_because: Ending | None
    lines: list[ReceiptLine]
    total_minor: int
    currency: str
    vat: Vat | None
    fps_minor: int | None
    money: Literal["none", "sandbox", "stripe"]

    def __repr__(self) -> str:
        return f"ParkingReceipt({self.receipt_id})"


async def make_receipt(
    connection: asyncpg.Connection,
    session: Session,
    teller: Teller,
    now: datetime,
) -> ParkingReceipt:
    """Raises Conflict `not_paid_yet` for a stay that has not begun."""
    stay = session.stay
    if stay.state in {"pending", "dropped"}:
        raise Conflict("Nothing was paid for this stay, so there is no receipt.", code="not_paid_yet")
    told = await teller.tell(session, with_extensions=False)
    _, rules = await teller.zone_of(session)
    version = await read_version(connection, session.tariff_id, session.tariff_version)
    total_minor = stay.price_minor - stay.given_back_minor
    vat = None
    if rules.vat_basis_points is not None:
        part = vat_minor(total_minor, rules.vat_basis_points)
        vat = Vat(basis_points=rules.vat_basis_points, vat_minor=part, net_minor=total_minor - part)
    return ParkingReceipt(
        receipt_id=session.session_id,
        issued_at=now,
        is_final=stay.state == "ended",
        operator=told.operator,
        zone_code=told.zone_code,
        zone_name=told.zone_name,
        time_zone=told.time_zone,
        country=told.country,
        plate=told.plate,
        classes=told.classes,
        tariff_id=told.tariff_id,
        tariff_version=told.tariff_version,
        tariff=version.tariff.id,
        starts_at=stay.starts_at,
        ends_at=stay.ended_at or stay.ends_at,
        ended_because=stay.ended_because,
        lines=[
            ReceiptLine(
                payment_id=one.payment_id,
                paid_at=one.asked_at,
                until=one.until,
                amount_minor=one.price_minor,
                given_back_minor=one.given_back_minor,
            )
            for one in stay.paid
        ],
        total_minor=total_minor,
        currency=told.currency,
        vat=vat,
        fps_minor=told.fps_minor,
        money=await _money(connection, session),
    )


async def _money(connection: asyncpg.Connection, session: Session) -> Literal["none", "sandbox", "stripe"]:
    """Play money anywhere makes the whole receipt one of a test."""
    providers = set()
    for one in session.stay.paid:
        if one.payment_id is not None:
            with contextlib.suppress(NotFound):  # payments have a period of their own
                providers.add((await read_payment(connection, session.key, one.payment_id)).provider)
    if not providers:
        return "none"
    return "sandbox" if "sandbox" in providers else "stripe"
