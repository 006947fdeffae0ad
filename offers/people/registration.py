"""Registration: which device an installation is, and how it becomes one.

Owns the rules of a first, a repeated and a joining registration. Link codes are in
`offers.people.linking`, what is moved by the first phone's yes in `offers.people.joining`.

Lock order: the installation's row first, then customers. Two registrations of one installation
queue up at its row and never form a circle.
"""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput
from geo.wall_clock import is_zone
from offers.buckets import bucket_of
from offers.people.customers import CustomerKey, Gone, is_country, is_language, lock_customers
from offers.people.devices import DeviceStatus, Platform, device_of, revoke_locked
from offers.people.installations import (
    Installation,
    KnownDevice,
    claim,
    forget,
    installation_of,
    point_to,
)
from offers.people.linking import (
    came_by,
    is_confirmable,
    normalise_link_code,
    owner_of_code,
    try_code,
    use_code,
)
from offers.people.tokens import issue_token
from offers.terms import AgeBand

SHORTEST_INSTALLATION_ID: Final = 16
LONGEST_INSTALLATION_ID: Final = 200
LONGEST_LABEL: Final = 100

_RELABEL: Final = """
    UPDATE devices SET platform = $3, label = coalesce($4, label)
    WHERE bucket = $1 AND device_id = $2
"""
_ADD_CUSTOMER: Final = """
    INSERT INTO customers (bucket, customer_id, time_zone, language, age_band, country, created_at,
                           grants_as_of)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
"""
_ADD_DEVICE: Final = """
    INSERT INTO devices (bucket, device_id, customer_id, platform, status, label, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_ADD_STATE: Final = "INSERT INTO device_states (bucket, device_id, customer_id) VALUES ($1, $2, $3)"


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """What a phone says when it registers. `installation_id` is a secret of the app's own making.

    Zone, language, age band and country are those of a new customer; one there is keeps theirs.
    """

    installation_id: str
    platform: Platform
    time_zone: str
    language: str
    label: str | None = None
    link_code: str | None = None
    age_band: AgeBand = "unknown"
    country: str | None = None


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """The device as it stands, with a token told once. `is_new` is false for a repeated call."""

    device_id: UUID
    customer_id: UUID
    token: str
    status: DeviceStatus
    is_new: bool


class _Joined(NamedTuple):
    """The customer that a link code leads to, if its secret is right."""

    owner: CustomerKey
    code: str


def link_code_refused() -> Conflict:
    """One and the same for a wrong, expired, used or exhausted code: guessing teaches nothing."""
    return Conflict(
        "This link code is wrong, expired or used up. Ask for a new one on the first phone.",
        code="link_code_refused",
    )


async def register(connection: asyncpg.Connection, application: Application) -> Registration | None:
    """Register an installation, once: again, it is the same device with a fresh `next` token.

    Returns None where the link code is refused, and does not raise: the spent try must be
    committed. With a link code, an installation known elsewhere stays that, too, until the first
    phone says yes. A revoked installation starts again as a new customer.
    """
    _check(application)
    joined = None
    if application.link_code is not None:
        joined = await _joined(connection, application.link_code)
        if joined is None:
            return None
    customer_id = uuid4()
    target = joined.owner if joined else CustomerKey(bucket_of(customer_id), customer_id)
    device_id = uuid4()
    installation = installation_of(application.installation_id)
    known = await claim(connection, installation, target.bucket, device_id)
    involved = ([known.key] if known else []) + ([joined.owner] if joined else [])
    try:
        now = await lock_customers(connection, *involved)
    except Gone:  # whoever made the link code was erased since it was read
        raise link_code_refused() from None
    asked_about = await _asked_about(connection, installation, known, joined, now)
    if asked_about is not None:
        return await _again(connection, asked_about, application, now)
    if joined is not None and not await try_code(connection, *joined, now):
        if known is None:
            await forget(connection, installation)
        return None
    if known is not None and not await _is_active(connection, known):
        await revoke_locked(connection, *known, now)
        await point_to(connection, installation, target.bucket, device_id)
    if joined is None:
        said = application
        chosen = (said.time_zone, said.language, said.age_band, said.country)
        await connection.execute(_ADD_CUSTOMER, *target, *chosen, now)
    registration = await _add(connection, target, device_id, application, now)
    if joined is not None:
        await use_code(connection, *joined, device_id, installation, now)
    return registration


async def _joined(connection: asyncpg.Connection, typed: str) -> _Joined | None:
    code = normalise_link_code(typed)
    owner = None if code is None else await owner_of_code(connection, code)
    return None if code is None or owner is None else _Joined(owner, code)


async def _asked_about(
    connection: asyncpg.Connection,
    installation: Installation,
    known: KnownDevice | None,
    joined: _Joined | None,
    now: datetime,
) -> KnownDevice | None:
    """The device this call is about, if it is one there is."""
    if joined is not None:
        device_id = await came_by(connection, *joined, installation)
        if device_id is not None and await _status(connection, joined.owner, device_id) != "revoked":
            return KnownDevice(joined.owner, device_id)
        is_there = known is not None and known.key == joined.owner and await _is_active(connection, known)
        return known if is_there else None
    if known is None or await _is_active(connection, known):
        return known
    is_pending = await _status(connection, *known) == "pending"
    return known if is_pending and await is_confirmable(connection, *known, now) else None


async def _is_active(connection: asyncpg.Connection, known: KnownDevice) -> bool:
    return await _status(connection, *known) == "active"


async def _status(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID) -> DeviceStatus:
    return (await device_of(connection, key, device_id)).status


async def _again(
    connection: asyncpg.Connection, known: KnownDevice, application: Application, now: datetime
) -> Registration:
    key, device_id = known
    await connection.execute(_RELABEL, key.bucket, device_id, application.platform, application.label)
    device = await device_of(connection, key, device_id)
    return Registration(
        device_id=device_id,
        customer_id=key.customer_id,
        token=await issue_token(connection, key, device_id, now, "next"),
        status=device.status,
        is_new=False,
    )


async def _add(
    connection: asyncpg.Connection,
    key: CustomerKey,
    device_id: UUID,
    application: Application,
    now: datetime,
) -> Registration:
    status: DeviceStatus = "active" if application.link_code is None else "pending"
    described = (application.platform, status, application.label)
    await connection.execute(_ADD_DEVICE, key.bucket, device_id, key.customer_id, *described, now)
    await connection.execute(_ADD_STATE, key.bucket, device_id, key.customer_id)
    return Registration(
        device_id=device_id,
        customer_id=key.customer_id,
        token=await issue_token(connection, key, device_id, now, "current"),
        status=status,
        is_new=True,
    )


def _check(application: Application) -> None:
    length = len(application.installation_id)
    faults = []
    if not SHORTEST_INSTALLATION_ID <= length <= LONGEST_INSTALLATION_ID:
        reason = f"must have {SHORTEST_INSTALLATION_ID} to {LONGEST_INSTALLATION_ID} characters"
        faults.append(Fault("installation_id", reason))
    if application.label is not None and not _is_label(application.label):
        faults.append(Fault("label", f"must be 1 to {LONGEST_LABEL} printable characters"))
    if not is_zone(application.time_zone):
        faults.append(Fault("time_zone", "is not an IANA time zone such as Europe/Paris"))
    if not is_language(application.language):
        faults.append(Fault("language", "is not a language tag such as fr or en-GB"))
    if application.country is not None and not is_country(application.country):
        faults.append(Fault("country", "is not a country's two capital letters such as FR (ISO 3166)"))
    if faults:
        raise InvalidInput("This registration cannot be used.", faults=tuple(faults))


def _is_label(text: str) -> bool:
    return 1 <= len(text) <= LONGEST_LABEL and text.isprintable()
