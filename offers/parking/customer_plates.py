"""The plates of customers: a few each, encrypted, found by a keyed hash.

Every writer locks the customer first. Owns the table `parking_plates`. A plate that nobody parked with for
`ALENTOUR_PLATES_KEPT_MONTHS` goes by itself (`offers.people.leaving`); which day it was last used is all that
is kept of its use here.
"""

from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput, NotFound
from offers.parking.plate_keys import PlateKey
from offers.parking.plates import Plate
from offers.people.customers import lock_customers
from offers.people.keys import CustomerKey

MOST_PLATES: Final = 10
LONGEST_LABEL: Final = 60

_LIST: Final = """
    SELECT plate_id, plate_hmac, sealed, label, created_at, used_on FROM parking_plates
    WHERE bucket = $1 AND customer_id = $2 ORDER BY created_at, plate_id
"""
_READ: Final = """
    SELECT plate_id, plate_hmac, sealed, label, created_at, used_on FROM parking_plates
    WHERE bucket = $1 AND customer_id = $2 AND plate_id = $3
"""
_ADD: Final = """
    INSERT INTO parking_plates (bucket, customer_id, plate_id, plate_hmac, sealed, key_name, label,
                                created_at, used_on)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_RENAME: Final = """
    UPDATE parking_plates SET label = $4 WHERE bucket = $1 AND customer_id = $2 AND plate_id = $3
"""
_USE: Final = """
    UPDATE parking_plates SET used_on = $4
    WHERE bucket = $1 AND customer_id = $2 AND plate_id = $3 AND used_on < $4
"""
_DELETE: Final = "DELETE FROM parking_plates WHERE bucket = $1 AND customer_id = $2 AND plate_id = $3"


class CustomerPlate(msgspec.Struct, frozen=True, kw_only=True):
    """A plate as its owner sees it. `used_on`: the day it was added or last parked with."""

    plate_id: UUID
    country: str
    plate: str
    label: str | None
    created_at: datetime
    used_on: date

    def __repr__(self) -> str:
        return f"CustomerPlate({self.plate_id})"

    @property
    def itself(self) -> Plate:
        """As `PlateKey` takes it."""
        return Plate(self.country, self.plate)


async def add_plate(
    connection: asyncpg.Connection, key: CustomerKey, plate: Plate, label: str | None, plate_key: PlateKey
) -> tuple[CustomerPlate, bool]:
    """The customer's plate, and whether it is new: the same once more only takes a new label.

    Conflict (`too_many_plates`) beyond `MOST_PLATES`.
    """
    _refuse_label(label)
    now = await lock_customers(connection, key)
    there = await connection.fetch(_LIST, *key)
    known = set(plate_key.hmacs(plate))
    same = next((row for row in there if row["plate_hmac"] in known), None)
    if same is not None:
        if label is not None:
            await connection.execute(_RENAME, *key, same["plate_id"], label)
        return await read_plate_of(connection, key, same["plate_id"], plate_key), False
    if len(there) >= MOST_PLATES:
        raise Conflict(f"A person has at most {MOST_PLATES} plates here.", code="too_many_plates")
    sealed, name = plate_key.seal(plate), plate_key.name
    found = plate_key.hmac(plate)
    plate_id = uuid4()
    await connection.execute(_ADD, *key, plate_id, found, sealed, name, label, now, now.date())
    return await read_plate_of(connection, key, plate_id, plate_key), True


async def list_plates(
    connection: asyncpg.Connection, key: CustomerKey, plate_key: PlateKey
) -> list[CustomerPlate]:
    """In the order in which they were added."""
    return [_opened(row, plate_key) for row in await connection.fetch(_LIST, *key)]


async def read_plate_of(
    connection: asyncpg.Connection, key: CustomerKey, plate_id: UUID, plate_key: PlateKey
) -> CustomerPlate:
    """Raises NotFound for one that is not this customer's."""
    row = await connection.fetchrow(_READ, *key, plate_id)
    if row is None:
        raise _unknown()
    return _opened(row, plate_key)


async def rename_plate(
    connection: asyncpg.Connection, key: CustomerKey, plate_id: UUID, label: str | None, plate_key: PlateKey
) -> CustomerPlate:
    """Raises NotFound."""
    _refuse_label(label)
    await lock_customers(connection, key)
    await connection.execute(_RENAME, *key, plate_id, label)
    return await read_plate_of(connection, key, plate_id, plate_key)


async def delete_plate(connection: asyncpg.Connection, key: CustomerKey, plate_id: UUID) -> None:
    """Raises NotFound. Stays that were paid with it keep what the law asks for."""
    await lock_customers(connection, key)
    if await connection.execute(_DELETE, *key, plate_id) == "DELETE 0":
        raise _unknown()


async def note_use(connection: asyncpg.Connection, key: CustomerKey, plate_id: UUID, day: date) -> None:
    """That the plate was parked with on that day. The customer is locked."""
    await connection.execute(_USE, *key, plate_id, day)


def _opened(row: asyncpg.Record, plate_key: PlateKey) -> CustomerPlate:
    plate = plate_key.open(row["sealed"])
    same = ("plate_id", "label", "created_at", "used_on")
    return CustomerPlate(country=plate.country, plate=plate.text, **{name: row[name] for name in same})


def _refuse_label(label: str | None) -> None:
    if label is None or (1 <= len(label) <= LONGEST_LABEL and label.isprintable() and label.strip()):
        return
    reason = f"must be 1 to {LONGEST_LABEL} printable characters"
    raise InvalidInput(f"label {reason}", faults=(Fault("label", reason),))


def _unknown() -> NotFound:
    return NotFound("There is no such plate of yours.")
