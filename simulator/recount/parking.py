"""Nobody pays twice for one stay, nobody parks for nothing where it costs, and the books say the same.

Held against the server are the drivers' own wishes (which key, which price, which card), what their phones
were told, and the public books: never the server's word about itself alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from simulator.journal import Journal, StayTold, Wanted
from simulator.recount.rules import Violation


def broken_charges(journal: Journal) -> Iterator[Violation]:
    """Stays that were charged twice, and stays that were not charged."""
    accepted: dict[str, list[Wanted]] = defaultdict(list)
    for wanted in journal.wanted:
        if len(set(wanted.session_ids)) > 1:
            text = f"began {len(set(wanted.session_ids))} stays with the key {wanted.key}"
            yield Violation("double_charge", f"{_named(wanted)} {text}")
        for session_id in wanted.session_ids[:1]:
            accepted[session_id].append(wanted)
    for session_id, stay in sorted(journal.stays.items()):
        yield from _charged_wrongly(stay, accepted[session_id])
    yield from _parallel_stays(journal)
    yield from _paid_twice(journal)


def broken_ledger(journal: Journal) -> Iterator[Violation]:
    """Books that do not balance, or that say another amount than the phones were told."""
    books = journal.books
    if books is None:
        return
    for currency, balance_minor in sorted(books.balance_minor.items()):
        if balance_minor:
            yield Violation("ledger", f"all accounts in {currency} sum to {balance_minor}, not to 0")
    told: dict[str, int] = defaultdict(int)
    for stay in journal.stays.values():
        told[stay.currency] += stay.paid_minor
    for currency in sorted(told.keys() | books.taken_minor.keys()):
        taken = books.taken_minor.get(currency, 0)
        if taken != told[currency]:
            text = f"the books took {taken} {currency} for parking, and the phones were told {told[currency]}"
            yield Violation("ledger", text)


def _charged_wrongly(stay: StayTold, accepted: Sequence[Wanted]) -> Iterator[Violation]:
    paid = [one for one in stay.purchases if one.is_paid]
    charged = [one for one in paid if one.price_minor]
    agreed_minor = sum(wanted.agreed_minor for wanted in accepted)
    if len(charged) > len(accepted) or sum(one.price_minor for one in paid) > agreed_minor:
        text = f"was charged {[one.price_minor for one in paid]} for {len(accepted)} wishes of {agreed_minor}"
        yield Violation("double_charge", f"stay {stay.session_id} {text}")
    if stay.state not in {"active", "ended"}:
        return
    for wanted in accepted:
        if wanted.agreed_minor and not wanted.can_pay:
            yield Violation("unpaid_session", f"{_named(wanted)} with a card that pays nothing")
        elif wanted.must_cost and not wanted.agreed_minor:
            yield Violation("unpaid_session", f"{_named(wanted)} for nothing, in paid hours")
    if sum(one.price_minor for one in paid) < agreed_minor:
        text = f"is {stay.state}, and {sum(one.price_minor for one in paid)} of {agreed_minor} were paid"
        yield Violation("unpaid_session", f"stay {stay.session_id} of zone {stay.zone_id} {text}")


def _parallel_stays(journal: Journal) -> Iterator[Violation]:
    """Two stays of one plate in one zone at the same time, both charged."""
    by_place: dict[tuple[str, int], list[StayTold]] = defaultdict(list)
    for stay in journal.stays.values():
        if any(one.is_paid and one.price_minor for one in stay.purchases):
            by_place[stay.plate, stay.zone_id].append(stay)
    for (_, zone_id), stays in sorted(by_place.items()):
        stays.sort(key=lambda stay: stay.starts_at)
        for before, stay in pairwise(stays):
            if stay.starts_at < before.ends_at:
                text = f"was charged beside {before.session_id}, of the same plate in zone {zone_id}"
                yield Violation("double_charge", f"stay {stay.session_id} {text}")


def _paid_twice(journal: Journal) -> Iterator[Violation]:
    """Payments that were captured and belong to no purchase, or more than one to one."""
    known = {one.payment_id for stay in journal.stays.values() for one in stay.purchases if one.is_paid}
    for payment in journal.payments:
        if payment.captured_minor and payment.payment_id not in known:
            text = f"was charged {payment.captured_minor} by {payment.payment_id}, for nothing they bought"
            if payment.captured_minor > payment.refunded_minor:
                yield Violation("double_charge", f"customer {payment.customer} {text}")


def _named(wanted: Wanted) -> str:
    verb = "extended" if wanted.is_extension else "began"
    return f"customer {wanted.customer} {verb} a stay in zone {wanted.zone_id} at {wanted.at.isoformat()}"
