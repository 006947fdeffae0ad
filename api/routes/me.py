"""A person over HTTP: who this is, a copy of everything, what is known and why, and erasure in one tap."""

import tempfile
from collections.abc import AsyncIterator
from datetime import datetime
from typing import IO, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Tx
from api.languages import AcceptLanguage, spoken_language
from api.routes.devices import key_of
from api.routes.export_forms import Export
from offers.people import transparency_words as words
from offers.people.customers import Preferences, read_grants, read_preferences
from offers.people.devices import Device, read_devices
from offers.people.erasure import erase
from offers.people.export import write_export
from offers.people.transparency import Transparency, read_transparency

# Beyond this an export is spooled in a file without a name, which goes when it is closed.
IN_MEMORY_BYTES: Final = 256 * 1024
_PIECE_BYTES: Final = 64 * 1024


class Me(msgspec.Struct, kw_only=True):
    """The customer behind the token: this device, all devices, what was chosen and granted."""

    customer_id: UUID
    device_id: UUID
    preferences: Preferences
    granted: list[str]
    devices: list[Device]


class KeptWithoutYou(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives an erasure, how many rows of it came of this person, and for how long it is kept."""

    kind: Literal["consents", "redemptions", "payments", "counts"]
    rows: int | None
    text: str


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """It is done. Nothing in here names the person, and no token of theirs opens anything any more."""

    erased_at: datetime
    kept: list[KeptWithoutYou]


@get("/v1/me", guards=[requires_phone], operation_id="readMe", summary="Who this phone belongs to")
async def read_me(phone: AuthPhone, tx: Tx) -> Me:
    """The customer, their preferences, what is granted now, and all their devices."""
    key = key_of(phone)
    return Me(
        customer_id=phone.customer_id,
        device_id=phone.device_id,
        preferences=await read_preferences(tx, key),
        granted=sorted(await read_grants(tx, key)),
        devices=await read_devices(tx, key),
    )


@get(
    "/v1/me/export",
    guards=[requires_phone],
    operation_id="exportMe",
    summary="A copy of everything about you",
    responses={
        200: ResponseSpec(
            Export, media_type="application/json", description="As a file.", generate_examples=False
        )
    },
)
async def export_me(phone: AuthPhone, tx: Tx, state: State) -> Stream:
    """One JSON file with all that is kept: what you chose, said, were given and why, and where you are.

    Also who of the operator's looked at you. Of secrets it says only that they exist. Everything in it
    is of one moment. Also what is left under ids that your phones had before they joined you.
    """
    spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by the stream
    try:
        exported_at = await write_export(tx, key_of(phone), spool, state.plate_key)
        size = spool.tell()
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    headers = {
        "content-disposition": f'attachment; filename="alentour-{exported_at:%Y-%m-%d}.json"',
        "content-length": str(size),
        "cache-control": "no-store",
    }
    return Stream(_pieces(spool), media_type="application/json", headers=headers)


@get(
    "/v1/me/transparency",
    guards=[requires_phone],
    operation_id="explainMe",
    summary="What is known about you, and what you can do about it",
)
async def explain_me(
    phone: AuthPhone, tx: Tx, state: State, accept_language: AcceptLanguage = None
) -> Response[Transparency]:
    """What is known, who asked for what and when, who may write, what was given and why, what is kept.

    `take_back` holds requests that can be sent as they are, `erase` among them. In English or French,
    by Accept-Language, else by the customer's language.
    """
    language = spoken_language(accept_language, fallback=phone.language)
    periods = {name: getattr(state.settings, name) for name in words.PERIODS}
    told = await read_transparency(tx, key_of(phone), language, periods)
    headers = {"content-language": language, "vary": "Accept-Language", "cache-control": "no-store"}
    return Response(told, headers=headers)


@delete(
    "/v1/me",
    status_code=200,
    guards=[requires_phone],
    operation_id="eraseMe",
    summary="Erase everything about you",
)
async def erase_me(
    phone: AuthPhone, tx: Tx, state: State, accept_language: AcceptLanguage = None
) -> Response[Erasure]:
    """At once and for good, on all phones. Takes no body and asks for no reason. 503 for the seconds in
    which a payment is being settled.

    When it is answered, no token of the person is valid, nothing is handed over any more, and live
    streams end. Again, it is 401: so is it after an answer that was lost, and then it was done. What is
    kept is proof that names nobody.
    """
    language = spoken_language(accept_language, fallback=phone.language)
    erased = await erase(tx, key_of(phone), state.proof_key)
    years = state.settings.ledger_kept_years
    rows = {
        "consents": erased.consents_proven,
        "redemptions": erased.redemptions_proven,
        "payments": erased.payments_proven,
    }
    kept = [
        {"kind": kind, "rows": rows.get(kind), "text": text[language].format(years=years)}
        for kind, text in words.OUTLIVES.items()
    ]
    told = Erasure(erased_at=erased.erased_at, kept=msgspec.convert(kept, list[KeptWithoutYou]))
    headers = {"content-language": language, "vary": "Accept-Language", "cache-control": "no-store"}
    return Response(told, status_code=200, headers=headers)


async def _pieces(spool: IO[bytes]) -> AsyncIterator[bytes]:
    with spool:
        while piece := spool.read(_PIECE_BYTES):
            yield piece


router: Final = Router(
    "/", route_handlers=[read_me, export_me, explain_me, erase_me], dependencies=PLAIN, tags=["Your data"]
)
