"""Notices: the texts a person is shown before answering, by purpose, version and language.

Read only. A published text is never edited: another wording is another version.
"""

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from geo.errors import Fault, InvalidInput

FALLBACK_LANGUAGE: Final = "en"

_NOTICES: Final = """
    SELECT DISTINCT ON (purpose) purpose, version, language, title, text, published_at
    FROM notices
    WHERE language = ANY($1::text[]) AND ($2::text IS NULL OR purpose = $2)
      AND ($3::integer IS NULL OR version = $3)
    ORDER BY purpose, version DESC, array_position($1::text[], language)
"""
_PUBLISHED: Final = "SELECT purpose, version, language FROM notices WHERE purpose = ANY($1::text[])"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One published text."""

    purpose: str
    version: int
    language: str
    title: str
    text: str
    published_at: datetime


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """Which text of a notice was on the screen."""

    version: int
    language: str


async def read_notices(
    connection: asyncpg.Connection,
    language: str,
    purpose: str | None = None,
    version: int | None = None,
) -> list[Notice]:
    """The latest (or the named) version of each purpose, in this language or else in English."""
    rows = await connection.fetch(_NOTICES, _in_order_of_preference(language), purpose, version)
    return [Notice(**dict(row)) for row in rows]


class Published:
    """What has been published for some purposes: judges whether a wording exists."""

    def __init__(self, rows: list[asyncpg.Record]) -> None:
        self._known = {(row["purpose"], row["version"], row["language"]) for row in rows}

    @classmethod
    async def of(cls, connection: asyncpg.Connection, purposes: list[str]) -> "Published":
        return cls(await connection.fetch(_PUBLISHED, purposes))

    def check(self, purpose: str, wording: Wording) -> None:
        """InvalidInput if no such text was ever published."""
        if (purpose, wording.version, wording.language) not in self._known:
            reason = f"there is no version {wording.version} of {purpose} in {wording.language!r}"
            raise InvalidInput(
                f"Unknown notice: {reason}.",
                faults=(Fault("notice_version", reason),),
                code="unknown_notice",
            )

    def latest(self, purpose: str, language: str) -> Wording:
        """The newest text in this language, else in English: whoever says no need not have read one."""
        preferred = _in_order_of_preference(language)
        _, version, spoken = max(
            (key for key in self._known if key[0] == purpose),
            key=lambda key: (key[1], -preferred.index(key[2]) if key[2] in preferred else -len(preferred)),
        )
        return Wording(version=version, language=spoken)


def _in_order_of_preference(language: str) -> list[str]:
    return list(dict.fromkeys([language, language.partition("-")[0].lower(), FALLBACK_LANGUAGE]))
