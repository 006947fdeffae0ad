"""Consents over HTTP: what a person answers, has answered, and is to be asked again."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.datastructures import State
from litestar.params import JSONBody

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Now, Tx
from api.idempotency import once
from api.routes.devices import key_of
from api.routes.notices import LARGEST_VERSION, Purpose
from api.routes.receipt_forms import Receipt
from api.routes.receipts import receipts_of
from api.routes.resources import LARGEST_ID
from geo.errors import Fault, InvalidInput
from offers.lapsing import overtaken
from offers.people.consent_records import (
    Consent,
    Recorded,
    current,
    read_history,
    record_decisions,
    withdraw_all,
)
from offers.people.customers import CustomerKey, read_grants
from offers.people.decisions import MOST_DECISIONS, Decision
from offers.people.lapses import read_versions
from offers.people.notices import Wording

Version = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_VERSION)]
Language = Annotated[str, msgspec.Meta(max_length=35)]


class DecisionDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One yes or no. `retailer_id` (of a retailer there is) and `channel` go with marketing only.

    `notice_version` and `language` name the text of this question where it is not that of all.
    """

    purpose: Purpose
    granted: bool
    retailer_id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)] | None = None
    channel: Literal["push", "inbox"] | None = None
    notice_version: Version | None = None
    language: Language | None = None


class Answers(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Several answers at once, or `withdraw_all`.

    `notice_version` and `language` name the text that was on the screen; they are required to say
    yes, and may be left out to say no. `method` says how the answer was given.
    """

    decisions: Annotated[list[DecisionDraft], msgspec.Meta(max_length=MOST_DECISIONS)] = []
    withdraw_all: bool = False
    notice_version: Version | None = None
    language: Language | None = None
    method: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "app"


class Answered(msgspec.Struct, kw_only=True):
    """A receipt for every answer just recorded, and all that is granted now."""

    receipts: list[Receipt]
    granted: list[str]


class CurrentAnswer(msgspec.Struct, kw_only=True):
    """The answer that counts to one question, as it was given.

    `outdated`: it is a yes to a text that was replaced by one that says something new. It counts until
    `lapses_at` (null: until it is answered anew), and `in_force` says whether it counts now.
    """

    consent_id: UUID
    purpose: str
    granted: bool
    retailer_id: int | None
    channel: str | None
    notice_version: int
    language: str
    method: str
    device_id: UUID | None
    recorded_at: datetime
    in_force: bool
    outdated: bool
    lapses_at: datetime | None


class ToAskAgain(msgspec.Struct, kw_only=True):
    """A question to ask again, under `notice_version` (`GET /v1/notices?purpose=…&version=…`)."""

    purpose: str
    retailer_id: int | None
    channel: str | None
    notice_version: int
    lapses_at: datetime | None


class Consents(msgspec.Struct, kw_only=True):
    """`current` is the answer that counts for each question; `history` every answer, latest first."""

    granted: list[str]
    current: list[CurrentAnswer]
    to_ask_again: list[ToAskAgain]
    history: list[Consent]


@post(
    "/v1/consents",
    guards=[requires_phone],
    before_request=once,
    operation_id="recordConsents",
    summary="Say yes or no",
)
async def record(phone: AuthPhone, tx: Tx, state: State, data: JSONBody[Answers]) -> Answered:
    """All answers of one call are recorded, or none.

    When a withdrawal is acknowledged, nothing that rested on it will be handed over any more: what
    was waiting is cancelled, and without a location purpose the phones' state is forgotten. A yes needs
    the age that the purpose needs (`age_band` of the preferences), and the newest text that says
    something new.
    """
    key = key_of(phone)
    return await _answered(tx, key, await _record(tx, key, data, phone.device_id, state))


@delete(
    "/v1/consents",
    status_code=200,
    guards=[requires_phone],
    operation_id="withdrawAllConsents",
    summary="Take everything back",
)
async def withdraw_everything(phone: AuthPhone, tx: Tx) -> Answered:
    """One tap, no body: every yes becomes a no, with a receipt each. Again, it changes nothing."""
    key = key_of(phone)
    recorded = await withdraw_all(tx, key, method="one_tap", device_id=phone.device_id)
    return await _answered(tx, key, recorded)


@get(
    "/v1/consents", guards=[requires_phone], operation_id="listConsents", summary="What you said yes or no to"
)
async def list_consents(phone: AuthPhone, tx: Tx, now: Now) -> Consents:
    """What is granted now, the record it follows from, and what a newer text asks again.

    The record is never edited.
    """
    key = key_of(phone)
    granted = await read_grants(tx, key)
    history = await read_history(tx, key)
    published = await read_versions(tx)
    answers, again = [], []
    for one in current(history):
        newer = overtaken(one, published)
        answers.append(
            CurrentAnswer(
                in_force=one.granted and (newer is None or not newer.is_over(now)),
                outdated=newer is not None,
                lapses_at=newer and newer.lapses_at,
                **{name: getattr(one, name) for name in one.__struct_fields__},
            )
        )
        if newer is not None:
            again.append(
                ToAskAgain(
                    purpose=one.purpose,
                    retailer_id=one.retailer_id,
                    channel=one.channel,
                    notice_version=newer.by.version,
                    lapses_at=newer.lapses_at,
                )
            )
    return Consents(granted=sorted(granted), current=answers, to_ask_again=again, history=history)


async def _record(tx: Tx, key: CustomerKey, data: Answers, device_id: UUID, state: State) -> Recorded:
    if data.withdraw_all == bool(data.decisions):
        reason = "or withdraw_all is required, and not both"
        raise InvalidInput(f"decisions {reason}.", faults=(Fault("decisions", reason),))
    if data.withdraw_all:
        return await withdraw_all(tx, key, method=data.method, device_id=device_id)
    decisions = [
        Decision(
            purpose=one.purpose,
            granted=one.granted,
            retailer_id=one.retailer_id,
            channel=one.channel,
            wording=_wording(one, data),
        )
        for one in data.decisions
    ]
    return await record_decisions(
        tx, key, decisions, method=data.method, device_id=device_id, ages=state.settings.ages_of_consent
    )


def _wording(one: DecisionDraft, all_of_them: Answers) -> Wording | None:
    version = one.notice_version or all_of_them.notice_version
    language = one.language or all_of_them.language
    return None if version is None or language is None else Wording(version=version, language=language)


async def _answered(tx: Tx, key: CustomerKey, recorded: Recorded) -> Answered:
    receipts = await receipts_of(tx, key, recorded.consents)
    return Answered(receipts=receipts, granted=sorted(recorded.granted))


router: Final = Router(
    "/",
    route_handlers=[record, withdraw_everything, list_consents],
    dependencies=PLAIN,
    tags=["Consent"],
)
