"""The audit log: who did what with a retailer's or an admin's key, or at the command line.

Every request that passes a guard `requires(…)` with an unsafe method writes one entry in the transaction
of its effect: a refusal, a rehearsal and a replayed answer write none. Handlers need not call anything;
`tell` adds what the entry cannot see by itself, `nothing_changed` withdraws it, and a handler that ends its
transaction itself calls `audit`. An operation that only reads, though it is a POST, says
`opt=READS_ONLY`. Left out are tills: a redemption is a row that names its key.

Owns which requests are audited and what an entry says. Its table and its reading are `api.audit.entries`',
what changed is compared in `api.audit.changes`. Never told: secrets, and anything about a customer.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import asyncpg
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from msgspec import UNSET, UnsetType
from sqlalchemy.ext.asyncio import AsyncSession

from api.audit.changes import Changed, Flushed, names_in
from api.audit.entries import Draft, write_entry
from api.refusals import StrictRequest
from api.requests import CURRENT, Execute, RequestRecord

READS_ONLY: Final = {"reads_only": True}

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# What an id in a path or an answer is the id of: the narrower comes first.
_KINDS: Final[Mapping[str, str]] = {
    "key_id": "key",
    "cap_id": "cap",
    "offer_id": "offer",
    "menu_id": "menu",
    "fence_id": "fence",
    "zone_id": "parking_zone",
    "tariff_id": "parking_tariff",
    "permit_id": "parking_permit",
    "site_id": "site",
    "retailer_id": "retailer",
}


class Actor(Protocol):
    """A key that was checked (`api.auth.Key`)."""

    @property
    def key_id(self) -> str: ...
    @property
    def first_key_id(self) -> str: ...
    @property
    def retailer_id(self) -> int | None: ...
    @property
    def role(self) -> str: ...


class AuditNote:
    """The entry of one request, until it is written; a `Note` of `api.requests`."""

    def __init__(self, request: ASGIConnection[Any, Any, Any, Any], operation: str, actor: Actor) -> None:
        self.is_due = False
        self._request = request
        self._operation = operation
        self._actor = actor
        self._flushed = Flushed()
        self._kind: str | None = None
        self._subject_id: str | None = None
        self._retailer_id: int | UnsetType | None = UNSET
        self._changed: Changed = {}
        self._reason: str | None = None

    def watch(self, session: AsyncSession) -> None:
        """Learn from what this session writes."""
        self._flushed.watch(session.sync_session)

    def tell(
        self,
        kind: str | None,
        subject_id: int | str | None,
        retailer_id: int | UnsetType | None,
        changed: Changed | None,
        reason: str | None,
    ) -> None:
        if kind is not None:
            self._kind, self._subject_id = kind, None if subject_id is None else str(subject_id)
        if retailer_id is not UNSET:
            self._retailer_id = retailer_id
        self._changed |= changed or {}
        self._reason = reason or self._reason

    async def write(self, record: RequestRecord, execute: Execute) -> None:
        """One entry, at most once."""
        if self.is_due:
            self.is_due = False
            await write_entry(execute, self._draft(record))

    def was_committed(self) -> None:
        """Nothing is left to do."""

    def _draft(self, record: RequestRecord) -> Draft:
        ids = self._ids(record)
        kind, subject_id = self._subject(ids)
        return Draft(
            role=self._actor.role,
            key_id=self._actor.key_id,
            first_key_id=self._actor.first_key_id,
            retailer_id=self._tenant(ids),
            operation=self._operation,
            subject_kind=kind,
            subject_id=subject_id,
            request_id=record.request_id,
            changed=self._changed | self._flushed.changed or self._names_in_body(),
            reason=self._reason,
        )

    def _ids(self, record: RequestRecord) -> dict[str, object]:
        """Ids of kinds we know, by their names in the answer and, going before it, in the path."""
        answer = None if record.response is None else record.response.content
        told = {name: getattr(answer, name, None) for name in _KINDS}
        path = self._request.path_params
        return {name: value for name in _KINDS if (value := path.get(name, told[name])) is not None}

    def _subject(self, ids: Mapping[str, object]) -> tuple[str | None, str | None]:
        if self._kind is not None:
            return self._kind, self._subject_id
        if self._flushed.kind is not None:
            return self._flushed.kind, self._flushed.subject_id
        for name, value in ids.items():
            return _KINDS[name], str(value)
        return None, None

    def _tenant(self, ids: Mapping[str, object]) -> int | None:
        """Whose things it concerns; None: the operator's own."""
        if self._actor.retailer_id is not None:
            return self._actor.retailer_id
        if self._retailer_id is not UNSET:
            return self._retailer_id
        if self._flushed.retailer_id is not UNSET:
            return self._flushed.retailer_id
        named = self._request.query_params.get("retailer_id") or ids.get("retailer_id")
        return None if named is None else int(str(named))

    def _names_in_body(self) -> Changed:
        body = self._request.known_body if isinstance(self._request, StrictRequest) else None
        return names_in(body or b"")


def expect_entry(
    request: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler, actor: Actor, *, is_till: bool
) -> None:
    """For guards: this request was let in, and its effect will be audited."""
    record = CURRENT.get(None)
    if record is None:
        return
    note = AuditNote(request, str(getattr(handler, "operation_id", None) or handler.handler_name), actor)
    is_unsafe = request.scope.get("method") not in _SAFE_METHODS
    note.is_due = is_unsafe and not is_till and not handler.opt.get("reads_only")
    record.notes.append(note)


def watch(session: AsyncSession, record: RequestRecord) -> None:
    """Let the request's entry, if it will have one, learn from what the session writes."""
    for note in record.notes:
        if isinstance(note, AuditNote) and note.is_due:
            note.watch(session)


def tell(
    kind: str | None = None,
    subject_id: int | str | None = None,
    *,
    retailer_id: int | UnsetType | None = UNSET,
    changed: Changed | None = None,
    reason: str | None = None,
) -> None:
    """Add to this request's entry: what it is about, whose that is, what changed (see `before_after`), why.

    What was noticed by itself (rows of the ORM, ids in the path and the answer) need not be told.
    """
    if (note := _current()) is not None:
        note.tell(kind, subject_id, retailer_id, changed, reason)


def nothing_changed() -> None:
    """All was as asked for already: this request has no entry."""
    if (note := _current()) is not None:
        note.is_due = False


async def audit(
    connection: asyncpg.Connection,
    kind: str | None = None,
    subject_id: int | str | None = None,
    *,
    retailer_id: int | UnsetType | None = UNSET,
    changed: Changed | None = None,
    reason: str | None = None,
) -> None:
    """Write this request's entry now, in the transaction of `connection`, which the caller ends itself.

    Also for what only reads and is audited all the same: a look at a customer, with its `reason` and the
    kind `customer`, without an id.
    """
    note = _current()
    assert note is not None, "only requests with a key are audited"
    note.tell(kind, subject_id, retailer_id, changed, reason)
    note.is_due = True
    await note.write(CURRENT.get(), _on(connection))


async def audit_command(
    connection: asyncpg.Connection,
    operation: str,
    kind: str,
    subject_id: int | str | None,
    *,
    retailer_id: int | None,
    changed: Changed,
) -> None:
    """The same for a command of `alentour`: whoever types it has no key."""
    draft = Draft(
        role="command",
        retailer_id=retailer_id,
        operation=operation,
        subject_kind=kind,
        subject_id=None if subject_id is None else str(subject_id),
        changed=changed,
    )
    await write_entry(_on(connection), draft)


def _current() -> AuditNote | None:
    record = CURRENT.get(None)
    notes = [] if record is None else record.notes
    return next((note for note in notes if isinstance(note, AuditNote)), None)


def _on(connection: asyncpg.Connection) -> Execute:
    async def execute(statement: str, *parameters: object) -> int:
        done: str = await connection.execute(statement, *parameters)
        return int(done.rpartition(" ")[2])

    return execute
