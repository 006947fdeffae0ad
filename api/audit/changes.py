"""What a request changed, told compactly: field by field, before and after.

Learnt from what a session flushes (`Flushed`), or told by a handler (`before_after`). A value that is long
is left out, its field is not. What is a secret or a bookkeeping of ours is not told at all.
"""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from geo.places import Written

# Field to `{"before": …, "after": …}`; either may be missing: not there, or too long to be told.
Changed = dict[str, dict[str, Any]]

LONGEST_VALUE: Final = 200
MOST_FIELDS: Final = 60
LARGEST_BODY_READ_BYTES: Final = 65_536

# Kinds by table, what an entry is about before what only goes with it. Notices and defaults have no id.
_KIND_OF: Final[Mapping[str, str]] = {
    "caps": "cap",
    "offers": "offer",
    "menus": "menu",
    "fences": "fence",
    "parking_zones": "parking_zone",
    "parking_tariffs": "parking_tariff",
    "parking_tariff_versions": "parking_tariff",
    "parking_permits": "parking_permit",
    "sites": "site",
    "retailers": "retailer",
    "notices": "notice",
    "defaults": "defaults",
}
_UNTOLD: Final = frozenset(
    {"created_at", "updated_at", "revision", "shape_revision", "holdout_salt", "secret_hash", "label"}
)
_NOTHING: Final = msgspec.UNSET


def before_after(**fields: tuple[object, object]) -> Changed:
    """`before_after(role=(None, "till"))`; what is the same on both sides is left out."""
    return {name: _sides(before, after) for name, (before, after) in fields.items() if before != after}


def written_rows(written: Written) -> Changed:
    """Of an import: how many rows are new and how many changed."""
    return before_after(created=(None, written.created), updated=(None, written.updated))


def names_in(body: bytes) -> Changed:
    """The names at the top of a JSON object, without their values."""
    if not body or len(body) > LARGEST_BODY_READ_BYTES:
        return {}
    try:
        names = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return {}
    return {name[:LONGEST_VALUE]: {} for name in list(names)[:MOST_FIELDS]}


class Flushed:
    """What one session has written: the row it is about, whose it is, and which fields changed."""

    def __init__(self) -> None:
        self.kind: str | None = None
        self.subject_id: str | None = None
        self.retailer_id: int | UnsetType | None = UNSET
        self.changed: Changed = {}

    def watch(self, session: Session) -> None:
        event.listen(session, "after_flush", self._look)

    def _look(self, session: Session, _: object) -> None:
        # After a flush the session still tells what it has just written, and new rows have their ids.
        rows = [*session.new, *(row for row in session.dirty if session.is_modified(row)), *session.deleted]
        for row in sorted(rows, key=_rank):
            self._take_subject(row)
            if row in session.deleted:
                self._take_name(row)
            else:
                self._take_fields(row, is_new=row in session.new)

    def _take_subject(self, row: Any) -> None:
        kind = _KIND_OF.get(row.__tablename__)
        if self.kind is not None or kind is None:
            return
        self.kind = kind
        if len(identity := inspect(row).mapper.primary_key_from_instance(row)) == 1 and kind != "defaults":
            self.subject_id = str(identity[0])
        self.retailer_id = getattr(row, "retailer_id", UNSET)

    def _take_name(self, row: Any) -> None:
        """Nobody can look it up any more."""
        for field in ("name", "external_id"):
            if (before := getattr(row, field, None)) is not None:
                self.changed[field] = _sides(before, _NOTHING)

    def _take_fields(self, row: Any, *, is_new: bool) -> None:
        prefix = "" if row.__tablename__ in _KIND_OF else f"{row.__tablename__}."
        for attribute in inspect(row).attrs:
            history = attribute.history
            if attribute.key in _UNTOLD or not history.has_changes() or len(self.changed) >= MOST_FIELDS:
                continue
            before = history.deleted[0] if history.deleted else _NOTHING
            after = history.added[0] if history.added else _NOTHING
            if after is not _NOTHING and not (is_new and after in (None, [], {})):
                self.changed[prefix + attribute.key] = _sides(before, after)


def _rank(row: Any) -> int:
    tables = list(_KIND_OF)
    return tables.index(row.__tablename__) if row.__tablename__ in tables else len(tables)


def _sides(before: object, after: object) -> dict[str, Any]:
    sides = {"before": _told(before), "after": _told(after)}
    return {side: value for side, value in sides.items() if value is not _NOTHING}


def _told(value: object) -> Any:
    """A JSON value, or `_NOTHING` for what is too long or has no plain form (a shape)."""
    if isinstance(value, datetime | time):
        return value.isoformat()
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, NotImplementedError):
        return _NOTHING
    return msgspec.json.decode(encoded) if len(encoded) <= LONGEST_VALUE else _NOTHING
