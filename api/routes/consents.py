"""Notices and consents over HTTP: what is asked, what was answered, and the proof of it."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath, JSONBody, Parameter

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Tx
from api.idempotency import once
from api.languages import AcceptLanguage, spoken_language
from api.rates import pays_by_address
from api.routes.devices import key_of
from api.routes.receipt_forms import Receipt
from api.routes.resources import LARGEST_ID
from geo.errors import Fault, InvalidInput
from offers.people.consent_records import (
    MOST_DECISIONS,
    Consent,
    Decision,
    Recorded,
    current,
    read_consent,
    read_history,
    read_retailer_names,
    record_decisions,
    withdraw_all,
)
from offers.people.customers import CustomerKey, read_grants
from offers.people.notices import Notice, Wording, read_notices
from offers.people.receipts import receipt_of

Purpose = Literal["location_offers", "location_parking", "personalisation", "measurement", "marketing"]
LARGEST_VERSION: Final = 2**31 - 1


class DecisionDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One yes or no. `retailer_id` (of a retailer there is) and `channel` go with marketing only."""

    purpose: Purpose
    granted: bool
    retailer_id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)] | None = None
    channel: Literal["push", "inbox"] | None = None


class Answers(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Several answers at once, or `withdraw_all`.

    `notice_version` and `language` name the text that was on the screen; they are required to say
    yes, and may be left out to say no. `method` says how the answer was given.
    """

    decisions: Annotated[list[DecisionDraft], msgspec.Meta(max_length=MOST_DECISIONS)] = []
    withdraw_all: bool = False
    notice_version: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_VERSION)] | None = None
    language: Annotated[str, msgspec.Meta(max_length=35)] | None = None
    method: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "app"


class Answered(msgspec.Struct, kw_only=True):
    """A receipt for every answer just recorded, and all that is granted now."""

    receipts: list[Receipt]
    granted: list[str]


class Consents(msgspec.Struct, kw_only=True):
    """`current` is the answer that counts for each question; `history` every answer, latest first."""

    granted: list[str]
    current: list[Consent]
    history: list[Consent]


@get(
    "/v1/notices",
    guards=[pays_by_address],
    operation_id="listNotices",
    summary="The texts to show before asking",
)
async def list_notices(
    tx: Tx,
    language: Annotated[
        str | None, Parameter(max_length=35, description="Such as fr; else Accept-Language decides.")
    ] = None,
    purpose: Annotated[Purpose | None, Parameter(description="Only this purpose.")] = None,
    version: Annotated[
        int | None, Parameter(ge=1, le=LARGEST_VERSION, description="This version; else the latest.")
    ] = None,
    accept_language: AcceptLanguage = None,
) -> Response[list[Notice]]:
    """One notice per purpose, in the language asked for or else in English.

    Show the text as it is, with yes and no equally easy, and send its version and language back
    with the answer. Needs no token.
    """
    notices = await read_notices(tx, language or spoken_language(accept_language), purpose, version)
    headers = {"vary": "Accept-Language"}
    if spoken := ", ".join(sorted({notice.language for notice in notices})):
        headers["content-language"] = spoken
    return Response(notices, headers=headers)


@post(
    "/v1/consents",
    guards=[requires_phone],
    before_request=once,
    operation_id="recordConsents",
    summary="Say yes or no",
)
async def record(
    phone: AuthPhone,
    tx: Tx,
    data: JSONBody[Answers],
) -> Answered:
    """All answers of one call are recorded, or none.

    When a withdrawal is acknowledged, nothing that rested on it will be handed over any more: what
    was waiting is cancelled, and without a location purpose the phones' state is forgotten.
    """
    key = key_of(phone)
    recorded = await _record(tx, key, data, phone.device_id)
    receipts = await _receipts(tx, key, recorded.consents)
    return Answered(receipts=receipts, granted=sorted(recorded.granted))


@get(
    "/v1/consents", guards=[requires_phone], operation_id="listConsents", summary="What you said yes or no to"
)
async def list_consents(phone: AuthPhone, tx: Tx) -> Consents:
    """What is granted now, and the record it follows from. The record is never edited."""
    key = key_of(phone)
    history = await read_history(tx, key)
    granted = sorted(await read_grants(tx, key))
    return Consents(granted=granted, current=current(history), history=history)


@get(
    "/v1/consents/{consent_id:uuid}/receipt",
    guards=[requires_phone],
    operation_id="readConsentReceipt",
    summary="The receipt of one answer",
)
async def read_receipt(phone: AuthPhone, tx: Tx, consent_id: FromPath[UUID]) -> Receipt:
    """With the field names of ISO/IEC TS 27560:2023."""
    key = key_of(phone)
    consent = await read_consent(tx, key, consent_id)
    return (await _receipts(tx, key, [consent]))[0]


async def _record(tx: Tx, key: CustomerKey, data: Answers, device_id: UUID) -> Recorded:
    if data.withdraw_all == bool(data.decisions):
        reason = "or withdraw_all is required, and not both"
        raise InvalidInput(f"decisions {reason}.", faults=(Fault("decisions", reason),))
    if data.withdraw_all:
        return await withdraw_all(tx, key, method=data.method, device_id=device_id)
    wording = None
    if data.notice_version is not None and data.language is not None:
        wording = Wording(version=data.notice_version, language=data.language)
    decisions = [
        Decision(purpose=one.purpose, granted=one.granted, retailer_id=one.retailer_id, channel=one.channel)
        for one in data.decisions
    ]
    return await record_decisions(
        tx, key, decisions, wording=wording, method=data.method, device_id=device_id
    )


async def _receipts(tx: Tx, key: CustomerKey, consents: Sequence[Consent]) -> list[Receipt]:
    names = await read_retailer_names(tx, consents)
    receipts = [receipt_of(one, str(key.customer_id), names.get(one.retailer_id or 0)) for one in consents]
    return msgspec.convert(receipts, list[Receipt])


router: Final = Router(
    "/",
    route_handlers=[list_notices, record, list_consents, read_receipt],
    dependencies=PLAIN,
    tags=["Consent"],
)
