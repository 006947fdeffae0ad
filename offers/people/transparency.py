"""What a person may always ask: what is known about me, who asked, who may write, what was given and why.

Reads a summary; the whole is `offers.people.export`'s. The sentences are in
`offers.people.transparency_words`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import asyncpg
import msgspec

from offers.handing.plain_words import SpokenLanguage
from offers.people import transparency_words as words
from offers.people.consent_records import Consent, current, read_history, read_retailer_names
from offers.people.customers import CustomerKey, Gone
from offers.people.receipts import withdrawal_body
from offers.terms import MARKETING

LATEST_GIVEN: Final = 20

_COUNTS: Final = """
    SELECT c.time_zone, c.language, cardinality(c.interests) AS interests, c.age_band,
        (SELECT count(*) FROM devices AS x WHERE x.bucket = $1 AND x.customer_id = $2) AS phones,
        (SELECT count(*) FROM device_states AS x
         WHERE x.bucket = $1 AND x.customer_id = $2 AND x.state IS NOT NULL) AS whereabouts,
        (SELECT count(*) FROM crossings AS x WHERE x.bucket = $1 AND x.customer_id = $2) AS crossings,
        (SELECT count(*) FROM deliveries AS x WHERE x.bucket = $1 AND x.customer_id = $2) AS deliveries,
        (SELECT count(*) FROM redemptions AS x WHERE x.bucket = $1 AND x.customer_id = $2) AS redemptions,
        (SELECT count(*) FROM consents AS x WHERE x.bucket = $1 AND x.customer_id = $2) AS answers,
        (SELECT coalesce(sum(cardinality(x.allergens) + cardinality(x.diets)), 0) FROM customer_diets AS x
         WHERE x.bucket = $1 AND x.customer_id = $2) AS diet,
        (SELECT count(*) FROM parking_plates AS x WHERE x.bucket = $1 AND x.customer_id = $2) AS cars,
        (SELECT count(*) FROM parking_sessions AS x WHERE x.bucket = $1 AND x.customer_id = $2) AS parking,
        (SELECT count(*) FROM payments AS x WHERE x.bucket = $1 AND x.customer_id = $2) AS payments,
        (SELECT count(*) FROM customer_looks AS x WHERE x.bucket = $1 AND x.customer_id = $2) AS looks
    FROM customers AS c WHERE c.bucket = $1 AND c.customer_id = $2
"""
_GIVEN: Final = """
    SELECT d.delivery_id, d.content::text AS content, d.retailer_id, r.name AS retailer_name, d.decided_at
    FROM deliveries AS d LEFT JOIN retailers AS r ON r.retailer_id = d.retailer_id
    WHERE d.bucket = $1 AND d.customer_id = $2 AND d.handed_at IS NOT NULL ORDER BY d.seq DESC LIMIT $3
"""
_LOOKS: Final = """
    SELECT look_id, key_id, reason, looked_at FROM customer_looks
    WHERE bucket = $1 AND customer_id = $2 ORDER BY looked_at DESC, look_id LIMIT $3
"""
_CONTENT: Final = msgspec.json.Decoder(dict[str, Any])


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of thing that is known, how much of it, and a sentence."""

    kind: str
    count: int
    text: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One question that was put, by whom, and the answer that counts now. `receipt` proves it."""

    controller: str
    controller_name: str
    purpose: str
    granted: bool
    answered_at: datetime
    text: str
    notice: str
    receipt: str


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """An administrator looked at this person's file, for this reason."""

    look_id: UUID
    key_id: str
    reason: str
    looked_at: datetime


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A request to send as it stands; `body` null is none."""

    kind: str
    text: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    body: dict[str, Any] | None = None


class MayWrite(msgspec.Struct, frozen=True, kw_only=True):
    """A business that may send offers in one way, since when, and how to end that."""

    retailer_id: int
    retailer_name: str
    channel: str
    since: datetime
    take_back: Action


class GivenOffer(msgspec.Struct, frozen=True, kw_only=True):
    """One of the latest offers; `why` explains it rule by rule."""

    delivery_id: UUID
    title: str
    retailer_id: int
    retailer_name: str | None
    decided_at: datetime
    why: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How long one kind of thing is kept."""

    kind: str
    text: str


class Transparency(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, in `language`. Counts are exact; `given` are the latest, the export has all."""

    language: SpokenLanguage
    known: list[Known]
    asked: list[Asked]
    looked: list[Looked]
    may_write: list[MayWrite]
    given: list[GivenOffer]
    kept: list[Kept]
    take_back: list[Action]
    complaint: str


async def read_transparency(
    connection: asyncpg.Connection,
    key: CustomerKey,
    language: SpokenLanguage,
    periods: Mapping[str, int],
) -> Transparency:
    """The summary for this customer; Gone for nobody. `periods` are what the operator chose, by setting."""
    counts = await connection.fetchrow(_COUNTS, *key)
    if counts is None:
        raise Gone
    answers = current(await read_history(connection, key))
    names = await read_retailer_names(connection, answers)
    granted = [one for one in answers if one.granted]
    return Transparency(
        language=language,
        known=_known(dict(counts), language),
        asked=[_asked(one, names, language) for one in answers],
        looked=[Looked(**dict(row)) for row in await connection.fetch(_LOOKS, *key, LATEST_GIVEN)],
        may_write=[_may_write(one, names, language) for one in granted if one.purpose == MARKETING],
        given=[_given(row) for row in await connection.fetch(_GIVEN, *key, LATEST_GIVEN)],
        kept=[Kept(kind=kind, text=text[language].format(**periods)) for kind, text in words.KEPT.items()],
        take_back=[*(_take_back(one, names, language) for one in granted), *_always(language)],
        complaint=words.COMPLAINT[language],
    )


def _known(counts: dict[str, Any], language: SpokenLanguage) -> list[Known]:
    counts["choices"] = 4
    return [
        Known(kind=kind, count=counts[kind], text=text[language].format(**counts, count=counts[kind]))
        for kind, text in words.KNOWN.items()
    ]


def _asked(consent: Consent, names: dict[int, str], language: SpokenLanguage) -> Asked:
    said = words.SAID_YES if consent.granted else words.SAID_NO
    controller = "operator" if consent.retailer_id is None else f"retailer:{consent.retailer_id}"
    return Asked(
        controller=controller,
        controller_name=names.get(consent.retailer_id or 0, words.OPERATOR[language]),
        purpose=consent.purpose,
        granted=consent.granted,
        answered_at=consent.recorded_at,
        text=said[language].format(purpose=_purpose(consent, language)),
        notice=f"/v1/notices?language={consent.language}&purpose={consent.purpose}"
        f"&version={consent.notice_version}",
        receipt=f"/v1/consents/{consent.consent_id}/receipt",
    )


def _may_write(consent: Consent, names: dict[int, str], language: SpokenLanguage) -> MayWrite:
    # A constraint of the table.
    assert consent.retailer_id is not None
    assert consent.channel is not None
    return MayWrite(
        retailer_id=consent.retailer_id,
        retailer_name=names[consent.retailer_id],
        channel=consent.channel,
        since=consent.recorded_at,
        take_back=_take_back(consent, names, language),
    )


def _given(row: asyncpg.Record) -> GivenOffer:
    return GivenOffer(
        delivery_id=row["delivery_id"],
        title=_CONTENT.decode(row["content"])["title"],
        retailer_id=row["retailer_id"],
        retailer_name=row["retailer_name"],
        decided_at=row["decided_at"],
        why=f"/v1/deliveries/{row['delivery_id']}/why",
    )


def _take_back(consent: Consent, names: dict[int, str], language: SpokenLanguage) -> Action:
    purpose = _purpose(consent, language)
    if consent.retailer_id is not None:
        purpose = f"{names[consent.retailer_id]}, {purpose}"
    text = words.TAKE_BACK["withdraw_one"][language].format(purpose=purpose)
    body = withdrawal_body(consent)
    return Action(kind="withdraw_one", text=text, method="POST", path="/v1/consents", body=body)


def _always(language: SpokenLanguage) -> list[Action]:
    said = {kind: text[language] for kind, text in words.TAKE_BACK.items()}
    everything = {"withdraw_all": True, "method": "settings"}
    return [
        Action(
            kind="withdraw_all",
            text=said["withdraw_all"],
            method="POST",
            path="/v1/consents",
            body=everything,
        ),
        Action(kind="correct", text=said["correct"], method="PATCH", path="/v1/me/preferences", body={}),
        Action(kind="export", text=said["export"], method="GET", path="/v1/me/export"),
        Action(kind="erase", text=said["erase"], method="DELETE", path="/v1/me"),
    ]


def _purpose(consent: Consent, language: SpokenLanguage) -> str:
    channel = words.CHANNELS.get(consent.channel or "", {language: ""})[language]
    return words.PURPOSES[consent.purpose][language].format(channel=channel)
