"""Codes that a retailer's own tills know: put into a pool, one for each delivery that asks for one.

An offer with a pool may be delivered as often as there are codes, so whoever was given it finds one.
Owns adding and counting; a phone claims its code in `offers.handing.till_codes`.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Conflict, Fault, InvalidInput
from offers.retail.budgets import grow_budget
from offers.symbols import why_not_encodable
from offers.tables import OfferRow

MOST_AT_ONCE: Final = 10_000
_TOLD_FAULTS: Final = 20

_ADD: Final = text("""
INSERT INTO offer_codes (offer_id, code) SELECT :offer_id, code FROM unnest(CAST(:codes AS text[])) AS code
ON CONFLICT (offer_id, code) DO NOTHING
RETURNING code
""")
_COUNT: Final = text("""
SELECT count(*) AS total, count(claimed_at) AS claimed FROM offer_codes WHERE offer_id = :offer_id
""")


class CodePool(msgspec.Struct, frozen=True, kw_only=True):
    """How many codes there are, and how many of them a customer has been shown."""

    format: str
    total: int
    claimed: int


async def add_codes(session: AsyncSession, offer: OfferRow, codes: Sequence[str]) -> CodePool:
    """Add codes that are new to the pool; the offer was read for update. Those it has already are left.

    Raises InvalidInput for codes that cannot be written in the offer's format, Conflict for an offer
    that uses Alentour's codes or has ended.
    """
    if offer.status == "ended":
        raise Conflict("An ended offer cannot be changed.", code="offer_has_ended")
    if offer.code_format is None:
        raise Conflict("This offer uses Alentour's own codes.", code="offer_has_own_codes")
    _refuse_faulty(codes, offer.code_format)
    added = (await session.execute(_ADD, {"offer_id": offer.offer_id, "codes": list(codes)})).all()
    if added:
        await grow_budget(session, offer, len(added))
    return await count_codes(session, offer)


async def count_codes(session: AsyncSession, offer: OfferRow) -> CodePool:
    row: Any = (await session.execute(_COUNT, {"offer_id": offer.offer_id})).one()
    return CodePool(format=offer.code_format or "own", total=row.total, claimed=row.claimed)


def _refuse_faulty(codes: Sequence[str], code_format: str) -> None:
    if not 1 <= len(codes) <= MOST_AT_ONCE:
        raise InvalidInput(
            "The codes cannot be used.", faults=(Fault("codes", f"must be 1 to {MOST_AT_ONCE}"),)
        )
    faults = [
        Fault(f"codes[{number}]", reason)
        for number, code in enumerate(codes)
        if (reason := why_not_encodable(code, code_format)) is not None
    ]
    if faults:
        raise InvalidInput("Some codes cannot be used.", faults=tuple(faults[:_TOLD_FAULTS]))
