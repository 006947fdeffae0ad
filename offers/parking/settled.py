"""What becomes of a stay when its payment is decided: it begins, grows, is dropped, or money goes back.

Called by the payments in the transaction in which they write what the provider said, under the customer's
lock: the stay and the money cannot disagree. A payment is decided once, however often it is told.
"""

from datetime import datetime
from uuid import UUID, uuid5

import asyncpg

from offers.parking import stays
from offers.parking.driving import answered
from offers.parking.money import Back, Money
from offers.parking.quotes import use_quote
from offers.parking.sessions import change_stay, session_of_purchase
from offers.people.keys import CustomerKey


async def money_came(
    connection: asyncpg.Connection,
    key: CustomerKey,
    money: Money,
    purchase_id: UUID,
    payment_id: UUID,
    amount_minor: int,
    now: datetime,
) -> None:
    """It was captured. What it is for may have ended meanwhile, or be gone: then it goes back in full."""
    back_in_full = Back(
        operation_id=uuid5(purchase_id, "came too late"),
        payment_id=payment_id,
        amount_minor=amount_minor,
        reason="came too late",
    )
    session = await session_of_purchase(connection, key, purchase_id)
    if session is None:
        await money.give_back(connection, key, back_in_full, now)
        return
    stay, back = stays.paid(session.stay, purchase_id, now)
    if stay == session.stay:
        return
    session = await change_stay(connection, session, stay, now)
    if back is not None:
        await money.give_back(connection, key, back_in_full, now)
    else:
        await answered(connection, session, now)


async def money_went_back(
    connection: asyncpg.Connection, key: CustomerKey, purchase_id: UUID, amount_minor: int, now: datetime
) -> None:
    """So much of it in all, by a stop or by the operator: receipts say so."""
    session = await session_of_purchase(connection, key, purchase_id)
    if session is None:
        return
    stay = stays.given_back(session.stay, purchase_id, amount_minor)
    if stay != session.stay:
        await change_stay(connection, session, stay, now)


async def no_money_came(
    connection: asyncpg.Connection, key: CustomerKey, purchase_id: UUID, now: datetime
) -> None:
    """It was declined, or given up: a stay that would have begun is dropped, and its quote free again."""
    session = await session_of_purchase(connection, key, purchase_id)
    if session is None:
        return
    stay = stays.failed(session.stay, purchase_id)
    if stay != session.stay:
        await change_stay(connection, session, stay, now)
        if stay.state == "dropped":
            await use_quote(connection, key, session.quote_id, None)
