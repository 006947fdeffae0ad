"""Why this? What a customer is told about one delivery: where, by which rules, on which consent.

Reads the trace kept with the delivery. The sentences about the rules are in `offers.handing.plain_words`.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import NotFound
from offers.handing.plain_words import Numbers, SpokenLanguage, say
from offers.people.consent_records import Consent
from offers.people.customers import CustomerKey
from offers.people.receipts import withdrawal_body
from offers.periods import REASONS_KEPT_DAYS
from offers.terms import MARKETING, Rule

_DELIVERY: Final = """
    SELECT d.delivery_id, d.offer_id, d.retailer_id, d.site_id, d.trigger, d.channel, d.content,
           d.trace, d.decided_at, r.name AS retailer_name, s.name AS site_name, f.name AS fence_name,
           c.time_zone
    FROM deliveries AS d
    JOIN customers AS c ON c.bucket = d.bucket AND c.customer_id = d.customer_id
    JOIN retailers AS r ON r.retailer_id = d.retailer_id
    LEFT JOIN sites AS s ON s.site_id = d.site_id
    LEFT JOIN fences AS f ON f.fence_id = d.fence_id
    WHERE d.bucket = $1 AND d.customer_id = $2 AND d.delivery_id = $3
"""
# The answers that counted when it was decided.
_CONSENTS: Final = """
    SELECT DISTINCT ON (purpose) consent_id, purpose, retailer_id, channel, is_granted AS granted,
           notice_version, language, method, device_id, recorded_at
    FROM consents
    WHERE bucket = $1 AND customer_id = $2 AND is_granted AND recorded_at <= $3
      AND (purpose = 'location_offers'
           OR (purpose = 'marketing' AND retailer_id = $4 AND channel = $5))
    ORDER BY purpose, recorded_at DESC
"""
# Answers given while a simulated clock stands still are recorded a microsecond apart.
_STILL_CLOCK: Final = timedelta(milliseconds=1)

_TRACE: Final = msgspec.json.Decoder(list[Rule])
_CONTENT: Final = msgspec.json.Decoder(dict[str, Any])


class RuleInWords(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that was asked: its stable name, its answer, a sentence, the numbers compared."""

    name: str
    passed: bool
    text: str
    numbers: Numbers


class ConsentInWords(msgspec.Struct, frozen=True, kw_only=True):
    """A yes this delivery rests on, and how to take it back: send `withdraw_body` to `withdraw_at`."""

    consent_id: UUID
    purpose: str
    given_at: datetime
    notice_version: int
    language: str
    text: str
    how_to_withdraw: str
    withdraw_at: str
    withdraw_body: dict[str, Any]


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The whole explanation, in `language`. No `rules` once they were forgotten; `summary` says so."""

    delivery_id: UUID
    language: SpokenLanguage
    summary: str
    offer_id: int
    offer_title: str
    retailer_id: int
    retailer_name: str
    site_id: int | None
    place_name: str | None
    decided_at: datetime
    rules: list[RuleInWords]
    consents: list[ConsentInWords]


async def explain(
    connection: asyncpg.Connection, key: CustomerKey, delivery_id: UUID, language: SpokenLanguage
) -> Why:
    """Explain a delivery of this customer; NotFound for anybody else's."""
    row = await connection.fetchrow(_DELIVERY, *key, delivery_id)
    if row is None:
        raise NotFound("There is no such delivery.")
    until = row["decided_at"] + _STILL_CLOCK
    given = await connection.fetch(_CONSENTS, *key, until, row["retailer_id"], row["channel"])
    place_name = row["site_name"] or row["fence_name"]
    rules = _TRACE.decode(row["trace"])
    return Why(
        delivery_id=delivery_id,
        language=language,
        summary=_summary(row, place_name, language) + ("" if rules else _FORGOTTEN[language]),
        offer_id=row["offer_id"],
        offer_title=_CONTENT.decode(row["content"])["title"],
        retailer_id=row["retailer_id"],
        retailer_name=row["retailer_name"],
        site_id=row["site_id"],
        place_name=place_name,
        decided_at=row["decided_at"],
        rules=[_in_words(rule, language, row["time_zone"]) for rule in rules],
        consents=[_consent(Consent(**dict(one)), row["retailer_name"], language) for one in given],
    )


_SUMMARIES: Final = {
    ("enter", "en"): "{retailer} gave you this offer because you arrived at {place}.",
    ("dwell", "en"): "{retailer} gave you this offer because you stayed at {place} for a while.",
    ("exit", "en"): "{retailer} gave you this offer because you left {place}.",
    ("enter", "fr"): "{retailer} vous a donné cette offre parce que vous êtes arrivé à {place}.",
    ("dwell", "fr"): "{retailer} vous a donné cette offre parce que vous êtes resté un moment à {place}.",
    ("exit", "fr"): "{retailer} vous a donné cette offre parce que vous avez quitté {place}.",
    ("other", "en"): "{retailer} gave you this offer because you were at {place}.",
    ("other", "fr"): "{retailer} vous a donné cette offre parce que vous étiez à {place}.",
}
_FORGOTTEN: Final = {
    "en": f" The detailed reasons were forgotten after {REASONS_KEPT_DAYS} days.",
    "fr": f" Les raisons détaillées ont été oubliées après {REASONS_KEPT_DAYS} jours.",
}
_A_PLACE: Final = {"en": "one of its places", "fr": "l'un de ses lieux"}
_CONSENT_TEXT: Final = {
    ("location_offers", "en"): "On {date} you agreed that your location is used for offers around you.",
    (
        "location_offers",
        "fr",
    ): "Le {date}, vous avez accepté que votre position serve aux offres autour de vous.",
    ("marketing", "en"): "On {date} you agreed to offers from {retailer} ({channel}).",
    ("marketing", "fr"): "Le {date}, vous avez accepté les offres de {retailer} ({channel}).",
}
_CHANNELS: Final = {
    ("push", "en"): "as notifications",
    ("push", "fr"): "en notifications",
    ("inbox", "en"): "in your inbox",
    ("inbox", "fr"): "dans votre boîte",
}
_WITHDRAW: Final = {
    "en": "You can take this back at any time, just as easily, in the settings of the app.",
    "fr": "Vous pouvez y revenir à tout moment, aussi simplement, dans les réglages de l'application.",
}


def _summary(row: asyncpg.Record, place_name: str | None, language: SpokenLanguage) -> str:
    sentence = _SUMMARIES.get((row["trigger"], language)) or _SUMMARIES["other", language]
    return sentence.format(retailer=row["retailer_name"], place=place_name or _A_PLACE[language])


def _in_words(rule: Rule, language: SpokenLanguage, time_zone: str) -> RuleInWords:
    text = say(rule, language, time_zone)
    return RuleInWords(name=rule.name, passed=rule.passed, text=text, numbers=rule.numbers)


def _consent(consent: Consent, retailer_name: str, language: SpokenLanguage) -> ConsentInWords:
    channel = _CHANNELS.get((str(consent.channel), language), "")
    date = f"{consent.recorded_at:%Y-%m-%d}" if language == "en" else f"{consent.recorded_at:%d/%m/%Y}"
    retailer = retailer_name if consent.purpose == MARKETING else ""
    return ConsentInWords(
        consent_id=consent.consent_id,
        purpose=consent.purpose,
        given_at=consent.recorded_at,
        notice_version=consent.notice_version,
        language=consent.language,
        text=_CONSENT_TEXT[consent.purpose, language].format(date=date, retailer=retailer, channel=channel),
        how_to_withdraw=_WITHDRAW[language],
        withdraw_at="POST /v1/consents",
        withdraw_body=withdrawal_body(consent),
    )
