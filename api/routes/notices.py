"""Notices and controllers over HTTP: what is asked, by whom, and in which words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, Router, get, post, put
from litestar.params import JSONBody, Parameter
from msgspec import UNSET, UnsetType

from api import audit
from api.auth import AuthKey, Key, requires
from api.database import PLAIN, Now, Tx
from api.idempotency import once
from api.languages import AcceptLanguage, spoken_language
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.rates import pays_by_address
from api.routes.resources import LARGEST_ID, RetailerId, tenant_or_operator
from offers.lapsing import GRACE_DAYS, LONGEST_GRACE_DAYS
from offers.people.controllers import (
    LONGEST_CONTACT,
    LONGEST_NAME,
    LONGEST_URL,
    Controller,
    Identity,
    controller_id_of,
    put_identity,
    read_asking,
    read_operator,
)
from offers.people.notices import NewNotice, Notice, Text, publish, read_notices
from offers.retail.retailers import read_retailer

Purpose = Literal[
    "location_offers", "location_parking", "personalisation", "measurement", "dietary", "marketing"
]
LARGEST_VERSION: Final = 2**31 - 1


class NoticeDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The next version of a purpose's text, in all its languages; English is required.

    `asks_again`: it says something new, so whoever agreed to an older version is asked again. What they
    agreed to goes on for `grace_days` (30 where nothing is said), then it lapses; null: it goes on until
    they answer.
    """

    purpose: Purpose
    asks_again: bool
    texts: dict[str, Text]
    grace_days: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_GRACE_DAYS)] | UnsetType | None = UNSET


class PublishedNotice(msgspec.Struct, kw_only=True):
    """What was published. From `lapses_at` on (null: never) a yes to an older version no longer counts."""

    purpose: str
    version: int
    retailer_id: int | None
    asks_again: bool
    lapses_at: datetime | None
    published_at: datetime
    languages: list[str]


class IdentityDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How people reach a controller. `name` is the operator's to say; a retailer has one already."""

    contact: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_CONTACT)]
    privacy_policy_url: Annotated[str, msgspec.Meta(max_length=LONGEST_URL)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)] | None = None


@get(
    "/v1/notices",
    guards=[pays_by_address],
    operation_id="listNotices",
    summary="The texts to show before asking",
)
async def list_notices(
    tx: Tx,
    language: Annotated[
        str | None, Parameter(max_length=35, description="Such as fr; else Accept-Language decides.")
    ] = None,
    purpose: Annotated[Purpose | None, Parameter(description="Only this purpose.")] = None,
    version: Annotated[
        int | None, Parameter(ge=1, le=LARGEST_VERSION, description="This version; else the latest.")
    ] = None,
    retailer_id: Annotated[
        int | None, Parameter(ge=1, le=LARGEST_ID, description="Whose marketing is asked for.")
    ] = None,
    accept_language: AcceptLanguage = None,
) -> Response[list[Notice]]:
    """One notice per purpose, in the language asked for or else in English.

    Show the text as it is, with yes and no equally easy, and send its version and language back
    with the answer. With `retailer_id` the marketing text is that retailer's own, if it has one.
    Needs no token.
    """
    notices = await read_notices(
        tx,
        language or spoken_language(accept_language),
        purpose=purpose,
        version=version,
        retailer_id=retailer_id,
    )
    headers = {"vary": "Accept-Language"}
    if spoken := ", ".join(sorted({notice.language for notice in notices})):
        headers["content-language"] = spoken
    return Response(notices, headers=headers)


@post(
    "/v1/notices",
    guards=[requires("manage")],
    before_request=once,
    operation_id="publishNotice",
    summary="Publish a new version of a text",
)
async def publish_notice(
    key: AuthKey,
    tx: Tx,
    now: Now,
    data: JSONBody[NoticeDraft],
    retailer_id: RetailerId = None,
) -> PublishedNotice:
    """A retailer publishes its own marketing text; an admin the operator's texts, or one for a retailer.

    Nothing that was published is ever edited, and no answer is: a new version with `asks_again` makes
    older answers `outdated` in `GET /v1/consents`, and those lapse when the grace is over. From then on
    nothing is decided or handed over on them.
    """
    publisher = await _speaker(tx, key, retailer_id)
    grace_days = data.grace_days
    if grace_days is UNSET:
        grace_days = GRACE_DAYS if data.asks_again else None
    texts: Mapping[str, Text] = data.texts
    new = NewNotice(
        purpose=data.purpose,
        retailer_id=publisher,
        asks_again=data.asks_again,
        grace_days=grace_days,
        texts=texts,
    )
    version = await publish(tx, new, now)
    audit.tell("notice", f"{version.purpose}/{version.version}", retailer_id=publisher)
    told = {name: getattr(version, name) for name in version.__struct_fields__}
    return PublishedNotice(languages=sorted(texts), **told)


@get("/v1/controllers", guards=[pays_by_address], operation_id="listControllers", summary="Who asks")
async def list_controllers(tx: Tx, limit: Limit = 50, cursor: Cursor = None) -> Page[Controller]:
    """The operator, then every retailer who asks, with their contact and privacy policy. Needs no token."""
    after = read_cursor(cursor)
    page = page_of(await read_asking(tx, after, limit + 1), limit, lambda one: one.retailer_id or 0)
    first = [] if after else [await read_operator(tx)]
    return Page(items=[*first, *page.items], next_cursor=page.next_cursor)


@put(
    "/v1/controllers",
    guards=[requires("manage")],
    operation_id="putController",
    summary="Say who you are to the people you ask",
)
async def put_controller(
    key: AuthKey,
    tx: Tx,
    now: Now,
    data: JSONBody[IdentityDraft],
    retailer_id: RetailerId = None,
) -> Controller:
    """A retailer's key says it of the retailer, an admin's of the operator or of the retailer it names.

    Receipts carry it from then on.
    """
    speaker = await _speaker(tx, key, retailer_id)
    said = Identity(contact=data.contact, privacy_policy_url=data.privacy_policy_url, name=data.name)
    audit.tell("controller", controller_id_of(speaker), retailer_id=speaker)
    return await put_identity(tx, speaker, said, now)


async def _speaker(tx: Tx, key: Key, retailer_id: int | None) -> int | None:
    """The retailer that is spoken for, which there is; None for the operator."""
    speaker = tenant_or_operator(key, retailer_id)
    if speaker is not None and key.retailer_id is None:
        await read_retailer(tx, speaker)
    return speaker


router: Final = Router(
    "/",
    route_handlers=[list_notices, publish_notice, list_controllers, put_controller],
    dependencies=PLAIN,
    tags=["Consent"],
)
