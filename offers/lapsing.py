"""What a newer text does to a yes: pure rules over published versions and recorded answers.

A yes holds for what was shown. A version that `asks_again` says something new, so whoever agreed to an
older one is asked again; in the meantime only what they agreed to goes on, and where the version has a
period of grace it ends with that (EDPB Guidelines 05/2020, No. 110: a consent to processing that changed
considerably is no longer valid). An answer is never edited by this, and a no is never asked again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import msgspec

# Whoever does not say how long grants stay in force after a text that asks again.
GRACE_DAYS: Final = 30
LONGEST_GRACE_DAYS: Final = 180


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One published version of a purpose's text, whatever its languages. `retailer_id` None: the operator's.

    `lapses_at` is when a yes to an older version stops to count; None: it goes on until it is answered.
    """

    purpose: str
    version: int
    retailer_id: int | None
    asks_again: bool
    lapses_at: datetime | None
    published_at: datetime


class Answered(Protocol):
    """A recorded answer."""

    @property
    def purpose(self) -> str: ...
    @property
    def retailer_id(self) -> int | None: ...
    @property
    def granted(self) -> bool: ...
    @property
    def notice_version(self) -> int: ...


class Overtaken(NamedTuple):
    """A yes that is to be asked again: under which version, and until when it counts (None: until then)."""

    by: Version
    lapses_at: datetime | None

    def is_over(self, now: datetime) -> bool:
        return self.lapses_at is not None and self.lapses_at <= now


def line_of(purpose: str, retailer_id: int | None, published: Iterable[Version]) -> list[Version]:
    """The versions that one question was ever asked under, oldest first.

    For marketing these are the operator's until the retailer published a text of their own, and from
    then on theirs alone.
    """
    ours = sorted((one for one in published if one.purpose == purpose), key=lambda one: one.version)
    own = [one.version for one in ours if one.retailer_id is not None and one.retailer_id == retailer_id]
    return [one for one in ours if one.version in own or (one.retailer_id is None and _is_before(one, own))]


def overtaken(answer: Answered, published: Iterable[Version]) -> Overtaken | None:
    """What a yes was overtaken by; None for one that is up to date, and for any no."""
    if not answer.granted:
        return None
    newer = newer_than(answer.notice_version, line_of(answer.purpose, answer.retailer_id, published))
    if not any(one.asks_again for one in newer):
        return None
    ends = [one.lapses_at for one in newer if one.lapses_at is not None]
    return Overtaken(by=newer[-1], lapses_at=min(ends, default=None))


def newer_than(version: int, line: Sequence[Version]) -> list[Version]:
    return [one for one in line if one.version > version]


def _is_before(one: Version, own: Sequence[int]) -> bool:
    return not own or one.version < own[0]
