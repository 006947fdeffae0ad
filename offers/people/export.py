"""The export of a person: one JSON of everything, written row by row as it is read.

Owns the form of the whole. What is given of each table is `offers.people.export_sections`', and the types
of its members for the document are in the HTTP layer. Reads one snapshot, with cursors: a person with
a hundred thousand crossings takes no more memory than one with ten.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import asyncpg
import msgspec

from offers.buckets import bucket_of_text
from offers.parking.plate_keys import PlateKey
from offers.people.consent_records import Consent
from offers.people.controllers import read_named, read_operator
from offers.people.customers import CustomerKey, Gone
from offers.people.erasure import people_of
from offers.people.export_sections import SECTIONS, Section
from offers.people.receipt_keys import Signer
from offers.people.receipts import receipt_of
from offers.people.whereabouts import in_words, read_state

FORMAT: Final = "alentour-export/1"
_AT_ONCE: Final = 500

# Not read-only: the key that signs receipts is made when there is none yet.
_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
_NOW: Final = "SELECT alentour_now()"
_PROFILE: Final = """
    SELECT time_zone, language, to_char(quiet_start, 'HH24:MI') AS quiet_start,
           to_char(quiet_end, 'HH24:MI') AS quiet_end, interests, age_band, country, grants, grants_as_of,
           last_seq, created_at
    FROM customers WHERE bucket = $1 AND customer_id = $2
"""
_STATES: Final = """
    SELECT s.device_id, s.state::text AS state FROM device_states AS s
    WHERE s.bucket = $1 AND s.customer_id = $2 ORDER BY s.device_id
"""
_FENCES: Final = "SELECT fence_id, name FROM fences WHERE fence_id = ANY($1::bigint[])"
_DEVICES: Final = "SELECT device_id FROM devices WHERE bucket = $1 AND customer_id = $2 ORDER BY device_id"
_ANSWERS: Final = """
    SELECT key, operation, state, status, convert_from(answer, 'UTF8') AS answer, created_at
    FROM idempotency_keys WHERE bucket = $1 AND principal = $2 ORDER BY created_at, key
"""
_ASKED_BY: Final = """
    SELECT DISTINCT retailer_id FROM consents
    WHERE bucket = $1 AND customer_id = $2 AND retailer_id IS NOT NULL
"""

_encode: Final = msgspec.json.Encoder().encode
Row = Mapping[str, Any]


class Keys(NamedTuple):
    """What signs receipts, and what opens plates."""

    signer: Signer
    plates: PlateKey


class Sink(Protocol):
    """Where the bytes go."""

    def write(self, data: bytes, /) -> object: ...


async def write_export(
    connection: asyncpg.Connection, key: CustomerKey, sink: Sink, plate_key: PlateKey
) -> datetime:
    """Write the JSON of the person who is this customer; when it was read.

    Must be the first of its transaction. Raises Gone for nobody.
    """
    await connection.execute(_SNAPSHOT)
    exported_at: datetime = await connection.fetchval(_NOW)
    signer = await Signer.now(connection)
    me, *before = await people_of(connection, key)
    sink.write(b'{"format":%b,"exported_at":%b,"person":' % (_encode(FORMAT), _encode(exported_at)))
    keys = Keys(signer, plate_key)
    await _write_person(connection, me, sink, keys)
    sink.write(b',"before_joining":[')
    for number, earlier in enumerate(before):
        sink.write(b"," if number else b"")
        await _write_person(connection, earlier, sink, keys)
    sink.write(b"]}")
    return exported_at


async def _write_person(connection: asyncpg.Connection, key: CustomerKey, sink: Sink, keys: Keys) -> None:
    profile = await connection.fetchrow(_PROFILE, *key)
    if profile is None:
        raise Gone
    sink.write(b'{"customer_id":%b,"profile":%b' % (_encode(key.customer_id), _encode(dict(profile))))
    await _write_list(sink, "whereabouts", _whereabouts(connection, key))
    more = {"consents": await _receipts(connection, key, keys.signer)}
    for section in SECTIONS:
        opened = _opened(section.sealed, keys.plates) if section.sealed else None
        rows = _rows(connection, section, key, opened or more.get(section.name))
        await _write_list(sink, section.name, rows)
    await _write_list(sink, "kept_answers", _kept_answers(connection, key))
    sink.write(b"}")


async def _write_list(sink: Sink, name: str, rows: AsyncIterator[Row]) -> None:
    sink.write(b",%b:[" % _encode(name))
    is_first = True
    async for row in rows:
        sink.write((b"" if is_first else b",") + _encode(row))
        is_first = False
    sink.write(b"]")


async def _rows(
    connection: asyncpg.Connection, section: Section, key: CustomerKey, more: Callable[[Row], Row] | None
) -> AsyncIterator[Row]:
    async for record in connection.cursor(section.statement, *key, prefetch=_AT_ONCE):
        row = dict(record)
        for column in section.json:
            row[column] = msgspec.Raw(row[column].encode())
        yield more(row) if more else row


def _opened(sealed: str, plates: PlateKey) -> Callable[[Row], Row]:
    """What gives a row its plate in the place of the encrypted one."""

    def with_plate(row: Row) -> Row:
        rest = {name: value for name, value in row.items() if name != sealed}
        if row[sealed] is None:
            return {**rest, "country": None, "plate": None}
        plate = plates.open(row[sealed])
        return {**rest, "country": plate.country, "plate": plate.text}

    return with_plate


async def _whereabouts(connection: asyncpg.Connection, key: CustomerKey) -> AsyncIterator[Row]:
    for row in await connection.fetch(_STATES, *key):
        state = read_state(row["state"])
        if state is not None:
            names = {
                fence["fence_id"]: fence["name"]
                for fence in await connection.fetch(_FENCES, list(state.fences))
            }
            yield {"device_id": row["device_id"], **in_words(state, names)}


async def _kept_answers(connection: asyncpg.Connection, key: CustomerKey) -> AsyncIterator[Row]:
    """For a day, what the person's phones were answered under an Idempotency-Key."""
    for (device_id,) in await connection.fetch(_DEVICES, *key):
        principal = f"device:{device_id}"
        async for row in connection.cursor(_ANSWERS, bucket_of_text(principal), principal, prefetch=10):
            yield {"device_id": device_id, **dict(row)}


async def _receipts(connection: asyncpg.Connection, key: CustomerKey, signer: Signer) -> Callable[[Row], Row]:
    """What gives each answer its receipt, signed as when it is given by itself."""
    operator = await read_operator(connection)
    asked_by = [row["retailer_id"] for row in await connection.fetch(_ASKED_BY, *key)]
    retailers = await read_named(connection, asked_by)

    def with_receipt(row: Row) -> Row:
        said = {name: row[name] for name in Consent.__struct_fields__ if name in row}
        consent = Consent(**said, granted=row["is_granted"])
        receipt = receipt_of(consent, str(key.customer_id), operator, retailers.get(consent.retailer_id or 0))
        return {**row, "receipt": {**receipt, "jws": signer.sign(receipt)}}

    return with_receipt
