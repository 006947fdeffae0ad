"""The table of the audit log: entries in, pages of them out. Nothing edits or deletes one
(`forget_audit_entries` excepted, which `offers.engine.retention` calls).
"""

from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from api.audit.changes import Changed
from api.requests import Execute

_WRITE: Final = """
    INSERT INTO audit_log (recorded_at, role, key_id, first_key_id, retailer_id, operation, subject_kind,
                           subject_id, request_id, changed, reason)
    VALUES (alentour_now(), $1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10)
"""
# A filter that is NULL lets everything pass; the first key of a line stands for all it was rotated into.
_LIST: Final = """
    SELECT entry_id, recorded_at, role, key_id, first_key_id, retailer_id, operation, subject_kind,
           subject_id, request_id, changed, reason
    FROM audit_log
    WHERE entry_id < $1 AND ($2::bigint IS NULL OR retailer_id = $2)
      AND ($3::text IS NULL OR operation = $3)
      AND ($4::text IS NULL OR key_id = $4 OR first_key_id = $4)
      AND ($5::timestamptz IS NULL OR recorded_at >= $5) AND ($6::timestamptz IS NULL OR recorded_at < $6)
    ORDER BY entry_id DESC LIMIT $7
"""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An entry before it has a number and a time."""

    role: str
    key_id: str | None = None
    first_key_id: str | None = None
    retailer_id: int | None
    operation: str
    subject_kind: str | None
    subject_id: str | None
    request_id: str | None = None
    changed: Changed
    reason: str | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done. `role` is the key's, or `command`: `alentour …`, typed where it runs.

    `first_key_id` is the key that this one goes back to by rotations. `retailer_id`: whose things it
    concerns, null for the operator's own. `subject_kind` and `subject_id` say what it is about; several
    things, or a person, have no id here. `changed` goes from a field to what it was before and after: a
    long value is left out.
    """

    entry_id: int
    recorded_at: datetime
    role: str
    key_id: str | None
    first_key_id: str | None
    retailer_id: int | None
    operation: str
    subject_kind: str | None
    subject_id: str | None
    request_id: str | None
    changed: dict[str, dict[str, Any]]
    reason: str | None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries to list; None asks for nothing in particular. From `since` on, before `until`."""

    retailer_id: int | None = None
    operation: str | None = None
    key_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def write_entry(execute: Execute, draft: Draft) -> None:
    await execute(
        _WRITE,
        draft.role,
        draft.key_id,
        draft.first_key_id,
        draft.retailer_id,
        draft.operation,
        draft.subject_kind,
        draft.subject_id,
        draft.request_id,
        msgspec.json.encode(draft.changed).decode(),
        draft.reason,
    )


async def list_entries(
    connection: asyncpg.Connection, wanted: Wanted, *, before: int, at_most: int
) -> list[AuditEntry]:
    """Newest first, those numbered below `before`."""
    rows = await connection.fetch(
        _LIST,
        before,
        wanted.retailer_id,
        wanted.operation,
        wanted.key_id,
        wanted.since,
        wanted.until,
        at_most,
    )
    return [AuditEntry(**{**row, "changed": msgspec.json.decode(row["changed"])}) for row in rows]
