"""`Idempotency-Key`: a POST that is sent twice happens once, and is answered twice the same.

The key is claimed in a transaction of its own before the effect. The answer is kept in the effect's
own transaction: either both are there or neither, so that a claim left behind by a crash can be
taken over once it is old, and run again safely. Where an effect might be committed without its
transaction telling us (a lost COMMIT), `operation_id` under a unique index keeps it single.

Use: `@post(…, before_request=once)` on a guarded route whose work is done in `tx` or `session`.
"""

import asyncio
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, cast
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg
import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.di import NamedDependency
from litestar.types import Scope
from litestar.utils import get_enum_string_value

from api.database import Database
from api.problems import KeyReused
from api.requests import CURRENT, Execute, RequestRecord
from geo.errors import Conflict, Fault, InvalidInput
from offers.buckets import BUCKETS, bucket_of_text

_log = structlog.get_logger(__name__)

TAKE_OVER_AFTER_S: Final = 60
KEPT_HOURS: Final = 24
_TIDY_EVERY_S: Final = 3600

_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")

# Machine time: a claim's age bounds a process, and a simulated hour must not end a running request.
_CLAIM: Final = """
    INSERT INTO idempotency_keys AS kept
        (bucket, principal, key, operation, body_hash, state, operation_id, created_at)
    VALUES ($1, $2, $3, $4, $5, 'in_flight', $6, clock_timestamp())
    ON CONFLICT (bucket, principal, key) DO UPDATE SET
        operation = excluded.operation, body_hash = excluded.body_hash, state = 'in_flight',
        status = NULL, headers = NULL, answer = NULL, created_at = excluded.created_at
    WHERE kept.created_at < excluded.created_at - make_interval(hours => $7)
       OR (kept.state = 'in_flight' AND kept.operation = excluded.operation
           AND kept.body_hash = excluded.body_hash
           AND kept.created_at < excluded.created_at - make_interval(secs => $8))
    RETURNING created_at
"""
_READ: Final = """
    SELECT operation, body_hash, state, status, headers, answer FROM idempotency_keys
    WHERE bucket = $1 AND principal = $2 AND key = $3
"""
# created_at tells this claim from one that took it over meanwhile.
_FINISH: Final = """
    UPDATE idempotency_keys SET state = 'done', status = $5, headers = $6, answer = $7
    WHERE bucket = $1 AND principal = $2 AND key = $3 AND created_at = $4 AND state = 'in_flight'
"""
_GIVE_UP: Final = """
    DELETE FROM idempotency_keys
    WHERE bucket = $1 AND principal = $2 AND key = $3 AND created_at = $4 AND state = 'in_flight'
"""
_FORGET_OLD: Final = """
    DELETE FROM idempotency_keys
    WHERE bucket = $1 AND created_at < clock_timestamp() - make_interval(hours => $2)
"""


@dataclass(frozen=True, slots=True)
class _Name:
    """What a key is: whose, and which."""

    bucket: int
    principal: str
    key: str


async def once(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """Litestar `before_request`: claim the key, or answer as before. Without a key, nothing."""
    key = request.headers.get("idempotency-key")
    return None if key is None else await _claim_or_replay(request, key)


async def once_required(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """The same where a second effect would do harm: the key must be there."""
    key = request.headers.get("idempotency-key")
    if key is None:
        fault = Fault("Idempotency-Key", "is required here")
        raise InvalidInput("Send an Idempotency-Key.", faults=(fault,), code="idempotency_key_required")
    return await _claim_or_replay(request, key)


def keep_instead(content: object) -> None:
    """Let a replay tell `content`, not the answer itself: a secret is told once and kept nowhere."""
    CURRENT.get().kept_content = content


def operation_id_of(principal: str, key: str) -> UUID:
    """The same for every attempt under one key."""
    return uuid5(NAMESPACE_URL, f"alentour:{principal}:{key}")


# How a handler asks for it: `operation_id: OperationId`.
OperationId: TypeAlias = NamedDependency[UUID | None]


def provide_operation_id(scope: Scope) -> UUID | None:
    """Dependency `operation_id`: what the effect carries; None when no key was sent."""
    return cast("UUID | None", scope.get("operation_id"))


async def forget_old(connection: asyncpg.Connection, bucket: int) -> None:
    """Delete the keys of one bucket that are older than a day."""
    await connection.execute(_FORGET_OLD, bucket, KEPT_HOURS)


async def keep_tidy(pool: asyncpg.Pool) -> None:
    """Forget old keys now and every hour, until cancelled. Every worker may do it."""
    while True:
        try:
            for bucket in range(BUCKETS):
                async with pool.acquire() as connection:
                    await forget_old(connection, bucket)
        except Exception as error:  # noqa: BLE001 - the database may be restarting; the next hour will do
            _log.warning("old idempotency keys not forgotten", error=type(error).__name__)
        await asyncio.sleep(_TIDY_EVERY_S)


async def _claim_or_replay(request: Request[Any, Any, Any], key: str) -> Response[bytes] | None:
    if not _KEY.fullmatch(key):
        fault = Fault("Idempotency-Key", "must be 1 to 128 printable ASCII characters")
        raise InvalidInput("This Idempotency-Key cannot be used.", faults=(fault,))
    principal: str = request.scope["auth"].principal
    name = _Name(bucket_of_text(principal), principal, key)
    operation = f"{request.method} {request.scope['path']}"
    body_hash = hashlib.sha256(request.scope["query_string"] + b"\n" + await request.body()).digest()
    operation_id = operation_id_of(principal, key)
    database: Database = request.app.state.database
    async with database.connection() as connection:
        claimed_at = await connection.fetchval(
            _CLAIM, name.bucket, principal, key, operation, body_hash, operation_id,
            KEPT_HOURS, TAKE_OVER_AFTER_S,
        )  # fmt: skip
        if claimed_at is None:
            return _answer_again(
                await connection.fetchrow(_READ, name.bucket, principal, key), operation, body_hash
            )
    record = CURRENT.get()
    claim = _Claim(name, claimed_at, request)
    record.open.append(claim)
    record.notes.append(claim)
    cast("dict[str, Any]", request.scope)["operation_id"] = operation_id
    return None


def _answer_again(kept: asyncpg.Record | None, operation: str, body_hash: bytes) -> Response[bytes]:
    if kept is None or (kept["state"] == "in_flight" and _is_same(kept, operation, body_hash)):
        # No row any more: the attempt we met failed and gave its claim up this very moment.
        raise _in_flight("The first request with this key is still running.")
    if not _is_same(kept, operation, body_hash):
        raise KeyReused("This Idempotency-Key came before with another request.")
    headers = msgspec.json.decode(kept["headers"], type=dict[str, str])
    media_type = headers.pop("content-type", "application/json")
    return Response(
        kept["answer"],
        status_code=kept["status"],
        headers={**headers, "idempotency-replayed": "true"},
        media_type=media_type,
    )


def _in_flight(detail: str) -> Conflict:
    return Conflict(detail, code="idempotency_in_flight")


def _is_same(kept: asyncpg.Record, operation: str, body_hash: bytes) -> bool:
    return bool(kept["operation"] == operation and kept["body_hash"] == body_hash)


class _Claim:
    """One claimed key: kept with its answer, or given up so that a retry may try again."""

    def __init__(self, name: _Name, claimed_at: datetime, request: Request[Any, Any, Any]) -> None:
        self._name = name
        self._claimed_at = claimed_at
        self._database: Database = request.app.state.database
        self._usual_status: int = request.route_handler.status_code
        self._is_committed = False

    async def write(self, record: RequestRecord, execute: Execute) -> None:
        """Keep the answer, in the transaction that holds its effect.

        Raises Conflict when another attempt has taken the claim over: its effect counts, not ours.
        """
        response = record.response
        assert response is not None, "a transaction ends only after its handler answered"
        media_type = get_enum_string_value(response.media_type or MediaType.JSON)
        content = response.content if record.kept_content is None else record.kept_content
        kept = await execute(
            _FINISH,
            *self._columns,
            response.status_code or self._usual_status,
            msgspec.json.encode({**response.headers, "content-type": media_type}).decode(),
            response.render(content, media_type),
        )
        if not kept:
            raise _in_flight("Another request with this key has taken over from this one.")

    def was_committed(self) -> None:
        self._is_committed = True

    async def abandon(self) -> None:
        """After an error the same key may be tried again at once; a lost COMMIT leaves it `done`."""
        if self._is_committed:
            return
        try:
            async with self._database.connection() as connection:
                await connection.execute(_GIVE_UP, *self._columns)
        except Exception as error:  # noqa: BLE001 - then it can be taken over once it is old
            _log.warning("idempotency key not given up", error=type(error).__name__)

    @property
    def _columns(self) -> tuple[object, ...]:
        return (self._name.bucket, self._name.principal, self._name.key, self._claimed_at)
