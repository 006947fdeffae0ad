"""The public books, read before and after a run: do they balance, and what did they take for parking?"""

from collections import Counter
from typing import Final, NamedTuple

from simulator.client import Api
from simulator.journal import Books
from simulator.parking.wire import PublicBooks

PAYEE: Final = "payee:"
FOR_PARKING: Final = ":parking"


class Taken(NamedTuple):
    """By currency: what all accounts sum to, and what has ever been taken for parking and not given back."""

    balance_minor: Counter[str]
    for_parking_minor: Counter[str]


async def read_books(api: Api, admin_key: str) -> Taken:
    """All books of a server."""
    books = (await api.call("GET", "/v1/payments/ledger", key=admin_key)).read(PublicBooks)
    taken: Counter[str] = Counter()
    for account in books.accounts:
        if account.account.startswith(PAYEE) and account.account.endswith(FOR_PARKING):
            taken[account.currency] -= account.balance_minor
    return Taken(Counter({total.currency: total.ledger_balance_minor for total in books.totals}), taken)


def books_of_run(before: Taken, after: Taken) -> Books:
    """What the run added to the books."""
    taken = {
        currency: after.for_parking_minor[currency] - before.for_parking_minor[currency]
        for currency in after.for_parking_minor | before.for_parking_minor
    }
    return Books(dict(after.balance_minor), taken)
