"""What somebody wants to answer: one decision per question, and whether it may be recorded at all.

Owns the form of decisions and every reason to refuse them before a row is written: their number, their
questions, their retailers, the age they need. Writing them is `offers.people.consent_records`'.
"""

from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from geo.errors import Fault, Forbidden, InvalidInput
from offers.consent import ASKED_ALONE, Answer, grant_key
from offers.minors import may_grant
from offers.people.notices import Wording
from offers.terms import MARKETING, AgeBand

MOST_DECISIONS: Final = 100
LONGEST_METHOD: Final = 64

_KNOWN: Final = "SELECT retailer_id FROM retailers WHERE retailer_id = ANY($1::bigint[])"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One yes or no. Marketing names a retailer and a channel, the other purposes do not.

    `wording` is the text that was shown; None is for a no only: it is recorded under the text of the
    yes that it takes back, or where there was none under the latest in the customer's language.
    """

    purpose: str
    granted: bool
    retailer_id: int | None = None
    channel: str | None = None
    wording: Wording | None = None


def grant_of(answer: Answer) -> str:
    """The grant that a yes to this question is."""
    return grant_key(answer.purpose, answer.retailer_id, answer.channel)


def decision_of(grant: str, *, granted: bool) -> Decision:
    """The question a grant answers: the reverse of `offers.consent.grant_key`."""
    purpose, *narrowed = grant.split(":")
    if purpose != MARKETING:
        return Decision(purpose=purpose, granted=granted)
    retailer_id, channel = narrowed
    return Decision(purpose=purpose, granted=granted, retailer_id=int(retailer_id), channel=channel)


def check_decisions(decisions: Sequence[Decision], method: str) -> None:
    """InvalidInput for what cannot be recorded together or at all.

    That is too many at once, a yes without its text, one that is asked alone among others, a question
    answered twice, a bad method.
    """
    # Taking back is never refused for being too much at once.
    if len(decisions) > MOST_DECISIONS and any(decision.granted for decision in decisions):
        raise _invalid("decisions", f"has {len(decisions)} answers; at most {MOST_DECISIONS}")
    if not 1 <= len(method) <= LONGEST_METHOD or not method.isprintable():
        raise _invalid("method", f"must be 1 to {LONGEST_METHOD} printable characters")
    if any(decision.granted and decision.wording is None for decision in decisions):
        raise _invalid("notice_version", "and language are required to grant: they name the text shown")
    for position, one in enumerate(decisions):
        if one.granted and one.purpose in ASKED_ALONE and len(decisions) > 1:
            raise _invalid(
                f"decisions[{position}]", "is asked alone: a yes to it is sent with no other answer"
            )
    asked = [
        grant_key(one.purpose, one.retailer_id, one.channel, f"decisions[{position}]")
        for position, one in enumerate(decisions)
    ]
    for position, question in enumerate(asked):
        if question in asked[:position]:
            raise _invalid(f"decisions[{position}]", "answers a question that was answered before it")


def check_age(decisions: Sequence[Decision], band: AgeBand, needed_age: int) -> None:
    """Forbidden for any yes that somebody of this band may not say, by the age their country needs."""
    refused = [
        Fault(f"decisions[{position}]", _too_young(decision, needed_age))
        for position, decision in enumerate(decisions)
        if decision.granted and not may_grant(grant_of(decision), band, needed_age)
    ]
    if not refused:
        return
    if band == "unknown":
        raise Forbidden(
            "Nobody consents before saying how old they are: set age_band in PATCH /v1/me/preferences.",
            faults=tuple(refused),
            code="age_not_declared",
        )
    raise Forbidden(
        "People of this age band cannot consent to that.", faults=tuple(refused), code="under_age"
    )


def _too_young(decision: Decision, needed_age: int) -> str:
    if decision.purpose == MARKETING:
        return "is for adults: there is no marketing to minors"
    return f"needs the age of {needed_age} years, by the law of the person's country"


async def check_retailers(connection: asyncpg.Connection, decisions: Sequence[Decision]) -> None:
    """InvalidInput for an answer to a retailer that there is not."""
    named = [one.retailer_id for one in decisions if one.retailer_id is not None]
    known = {row["retailer_id"] for row in await connection.fetch(_KNOWN, named)}
    for position, decision in enumerate(decisions):
        if decision.retailer_id is not None and decision.retailer_id not in known:
            raise _invalid(f"decisions[{position}].retailer_id", "is not a known retailer")


def _invalid(field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{field} {reason}.", faults=(Fault(field, reason),))
