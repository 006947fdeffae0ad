"""What sites and fences have in common: the limits of their names, ids, tags and zones; what an import did.

Pure: no database. `geo.sites` and `geo.fences` hold the queries and edits.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from geo.errors import Fault
from geo.wall_clock import is_zone

# A statement must end well within its timeout, on a busy machine too.
ROWS_PER_STATEMENT: Final = 2_000
LONGEST_NAME: Final = 200
LONGEST_EXTERNAL_ID: Final = 200
LONGEST_TAG: Final = 64
MOST_TAGS: Final = 50
LONGEST_TAG_VALUE: Final = 1_000

Row = TypeVar("Row")

_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a bulk write did, in rows."""

    created: int
    updated: int
    unchanged: int


NOTHING: Final = Written(created=0, updated=0, unchanged=0)


def written_of(created: Sequence[bool], rows: int) -> Written:
    """`created` has one entry for each row that was written at all: whether it is new."""
    return Written(created=sum(created), updated=len(created) - sum(created), unchanged=rows - len(created))


def per_statement(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The rows, a few thousand at a time."""
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        yield rows[start : start + ROWS_PER_STATEMENT]


def name_faults(name: str, field: str) -> list[Fault]:
    return _text_faults(name, field, LONGEST_NAME)


def external_id_faults(external_id: str | None, field: str) -> list[Fault]:
    """Of a retailer's own id of a thing, such as `osm:node/123`; it is part of addresses."""
    if external_id is None or (
        1 <= len(external_id) <= LONGEST_EXTERNAL_ID
        and external_id[0].isalnum()
        and external_id.isprintable()
        and external_id == external_id.rstrip()
    ):
        return []
    wanted = f"must be 1 to {LONGEST_EXTERNAL_ID} printable characters, beginning with a letter or digit"
    return [Fault(field, wanted)]


def kind_faults(kind: str, field: str) -> list[Fault]:
    if _KIND.fullmatch(kind):
        return []
    return [Fault(field, "must be 1 to 40 lower-case letters, digits or underscores, such as shop")]


def time_zone_faults(name: str, field: str) -> list[Fault]:
    return [] if is_zone(name) else [Fault(field, "is not an IANA time zone such as Europe/Paris")]


def tags_faults(tags: Iterable[str], field: str) -> list[Fault]:
    """Of a list of tags: labels such as `bakery`, compared letter by letter."""
    tags = list(tags)
    if len(tags) > MOST_TAGS:
        return [Fault(field, f"has {len(tags)} tags; at most {MOST_TAGS} are allowed")]
    return [fault for n, tag in enumerate(tags) for fault in _text_faults(tag, f"{field}[{n}]", LONGEST_TAG)]


def tag_map_faults(tags: Mapping[str, str], field: str) -> list[Fault]:
    """Of OSM-like tags, key to value."""
    if len(tags) > MOST_TAGS:
        return [Fault(field, f"has {len(tags)} tags; at most {MOST_TAGS} are allowed")]
    faults = [fault for key in tags for fault in _text_faults(key, field, LONGEST_TAG)]
    for key, value in tags.items():
        faults += _text_faults(value, f"{field}.{key[:LONGEST_TAG]}", LONGEST_TAG_VALUE)
    return faults


def moment_faults(at: datetime | None, field: str) -> list[Fault]:
    """Of a time somebody plans with: far-off years are slips, and some cannot be stored."""
    if at is None or _EARLIEST <= at < _LATEST:
        return []
    return [Fault(field, "must lie between the years 2000 and 2100")]


def _text_faults(text: str, field: str, longest: int) -> list[Fault]:
    # NUL and lone surrogates cannot be stored; other control characters are never meant.
    if 1 <= len(text) <= longest and text.isprintable() and text.strip():
        return []
    return [Fault(field, f"must be 1 to {longest} printable characters")]
