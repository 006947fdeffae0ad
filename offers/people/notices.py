"""Notices: the texts a person is shown before answering, by purpose, version and language.

Owns reading and publishing them, and the judgement whether an answer names a text that was ever shown.
A published text is never edited: another wording is another version. A retailer may have a text of its
own for its marketing; until then the operator's general one stands for it. What a newer version does to
answers is `offers.lapsing`'s.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput
from geo.wall_clock import later
from offers.lapsing import LONGEST_GRACE_DAYS, Version, line_of, newer_than
from offers.people.customers import is_language
from offers.people.lapses import read_versions
from offers.terms import MARKETING

FALLBACK_LANGUAGE: Final = "en"
LONGEST_TITLE: Final = 200
LONGEST_TEXT: Final = 10_000
MOST_LANGUAGES: Final = 50

# One purpose's next number at a time, also between a retailer and the operator.
_LOCK: Final = "LOCK TABLE notice_versions IN SHARE ROW EXCLUSIVE MODE"
_PUBLISH: Final = """
    INSERT INTO notice_versions (purpose, version, retailer_id, asks_again, grace_days, lapses_at,
                                 published_at)
    SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6 FROM notice_versions WHERE purpose = $1
    RETURNING version
"""
_ADD_TEXT: Final = """
    INSERT INTO notices (purpose, version, language, title, text) VALUES ($1, $2, $3, $4, $5)
"""
_TEXTS: Final = """
    SELECT DISTINCT ON (t.purpose) t.purpose, t.version, t.language, t.title, t.text
    FROM unnest($1::text[], $2::integer[]) AS w(purpose, version)
    JOIN notices AS t ON t.purpose = w.purpose AND t.version = w.version
    WHERE t.language = ANY($3::text[])
    ORDER BY t.purpose, array_position($3::text[], t.language)
"""
_LANGUAGES: Final = "SELECT purpose, version, language FROM notices WHERE purpose = ANY($1::text[])"


class Text(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A notice's words in one language."""

    title: str
    text: str


class NewNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be published: all languages at once. `grace_days` None: grants stay until answered anew."""

    purpose: str
    retailer_id: int | None
    asks_again: bool
    grace_days: int | None
    texts: Mapping[str, Text]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One published text. `retailer_id` null: it is the operator's.

    `asks_again`: a yes to an older version is to be asked again, and no longer counts from `lapses_at`
    on (null: until it is answered).
    """

    purpose: str
    version: int
    language: str
    title: str
    text: str
    retailer_id: int | None
    asks_again: bool
    lapses_at: datetime | None
    published_at: datetime


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """Which text of a notice was on the screen."""

    version: int
    language: str


async def read_notices(
    connection: asyncpg.Connection,
    language: str,
    *,
    purpose: str | None = None,
    version: int | None = None,
    retailer_id: int | None = None,
) -> list[Notice]:
    """The latest (or the named) version of each purpose, in this language or else in English.

    The marketing text is that of the retailer, where one is named who has one.
    """
    published = await read_versions(connection, None if purpose is None else [purpose])
    if version is not None:
        shown = [one for one in published if one.version == version]
    else:
        purposes = sorted({one.purpose for one in published})
        shown = [line[-1] for name in purposes if (line := line_of(name, retailer_id, published))]
    return await _texts(connection, shown, language)


async def publish(connection: asyncpg.Connection, new: NewNotice, now: datetime) -> Version:
    """The next version of a purpose, with all its texts. Raises InvalidInput."""
    if faults := _faults(new):
        raise InvalidInput("This notice cannot be published.", faults=tuple(faults))
    await connection.execute(_LOCK)
    lapses_at = None if new.grace_days is None else later(now, timedelta(days=new.grace_days))
    said = (new.purpose, new.retailer_id, new.asks_again, new.grace_days, lapses_at, now)
    number = await connection.fetchval(_PUBLISH, *said)
    rows = [(new.purpose, number, language, one.title, one.text) for language, one in new.texts.items()]
    await connection.executemany(_ADD_TEXT, rows)
    return Version(
        purpose=new.purpose,
        version=number,
        retailer_id=new.retailer_id,
        asks_again=new.asks_again,
        lapses_at=lapses_at,
        published_at=now,
    )


class Published:
    """What has been published for some purposes: judges whether a wording can have been shown."""

    def __init__(self, versions: Iterable[Version], texts: Iterable[asyncpg.Record]) -> None:
        self.versions = list(versions)
        self._texts = {(row["purpose"], row["version"], row["language"]) for row in texts}

    @classmethod
    async def of(cls, connection: asyncpg.Connection, purposes: list[str]) -> "Published":
        return cls(await read_versions(connection, purposes), await connection.fetch(_LANGUAGES, purposes))

    def check(self, purpose: str, retailer_id: int | None, wording: Wording, *, to_grant: bool) -> None:
        """InvalidInput if no such text was ever published for that question.

        A yes to a text that a newer one asks again about is a Conflict: it would agree to what is no
        longer done. A no is taken under whichever text.
        """
        line = line_of(purpose, retailer_id, self.versions)
        is_ours = any(one.version == wording.version for one in line)
        if not is_ours or (purpose, wording.version, wording.language) not in self._texts:
            reason = f"there is no version {wording.version} of {purpose} in {wording.language!r} for this"
            raise InvalidInput(
                f"Unknown notice: {reason}.",
                faults=(Fault("notice_version", reason),),
                code="unknown_notice",
            )
        newer = newer_than(wording.version, line)
        if to_grant and any(one.asks_again for one in newer):
            raise Conflict(
                f"Version {wording.version} of {purpose} was replaced by one that says something new:"
                f" show version {newer[-1].version}.",
                code="notice_outdated",
            )

    def latest(self, purpose: str, retailer_id: int | None, language: str) -> Wording:
        """The newest text in this language, else in English: whoever says no need not have read one."""
        version = line_of(purpose, retailer_id, self.versions)[-1].version
        spoken = next(
            one for one in _in_order_of_preference(language) if (purpose, version, one) in self._texts
        )
        return Wording(version=version, language=spoken)


async def _texts(connection: asyncpg.Connection, shown: list[Version], language: str) -> list[Notice]:
    by_number = {(one.purpose, one.version): one for one in shown}
    rows = await connection.fetch(
        _TEXTS,
        [one.purpose for one in shown],
        [one.version for one in shown],
        _in_order_of_preference(language),
    )
    return [_notice(row, by_number[row["purpose"], row["version"]]) for row in rows]


def _notice(row: asyncpg.Record, version: Version) -> Notice:
    return Notice(
        retailer_id=version.retailer_id,
        asks_again=version.asks_again,
        lapses_at=version.lapses_at,
        published_at=version.published_at,
        **dict(row),
    )


def _faults(new: NewNotice) -> list[Fault]:
    faults = [fault for language, one in new.texts.items() for fault in _text_faults(language, one)]
    if new.retailer_id is not None and new.purpose != MARKETING:
        faults.append(Fault("purpose", "must be marketing: the others are asked by the operator"))
    if FALLBACK_LANGUAGE not in new.texts:
        faults.append(Fault("texts.en", "is required: it is shown where a language is missing"))
    if len(new.texts) > MOST_LANGUAGES:
        faults.append(Fault("texts", f"has {len(new.texts)} languages; at most {MOST_LANGUAGES}"))
    if new.grace_days is not None and not new.asks_again:
        faults.append(Fault("grace_days", "goes with asks_again: otherwise nothing lapses"))
    if new.grace_days is not None and not 0 <= new.grace_days <= LONGEST_GRACE_DAYS:
        faults.append(Fault("grace_days", f"must be 0 to {LONGEST_GRACE_DAYS} days, or null"))
    return faults


def _text_faults(language: str, one: Text) -> list[Fault]:
    field = f"texts.{language[:35]}"
    faults = [] if is_language(language) else [Fault(field, "is not a language tag such as fr or en-GB")]
    if not 1 <= len(one.title) <= LONGEST_TITLE or not one.title.isprintable() or not one.title.strip():
        faults.append(Fault(f"{field}.title", f"must be 1 to {LONGEST_TITLE} printable characters"))
    lines = one.text.split("\n")
    if not one.text.strip() or len(one.text) > LONGEST_TEXT or not all(line.isprintable() for line in lines):
        wanted = f"must be 1 to {LONGEST_TEXT} printable characters and line breaks"
        faults.append(Fault(f"{field}.text", wanted))
    return faults


def _in_order_of_preference(language: str) -> list[str]:
    return list(dict.fromkeys([language, language.partition("-")[0].lower(), FALLBACK_LANGUAGE]))
