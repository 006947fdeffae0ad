"""Test phones and previews over HTTP."""

from typing import Annotated, Final

import msgspec
from litestar import Router, delete, get, post
from litestar.params import JSONBody, Parameter

from api import audit
from api.auth import AuthKey, AuthPhone, requires, requires_phone, tenant_of
from api.database import PLAIN, Now, Tx
from api.idempotency import keep_instead, once
from api.pages import Cursor, Limit, Page, page_of, read_cursor, read_text_cursor
from api.routes.devices import key_of
from api.routes.resources import LARGEST_ID, Id, RetailerId
from offers.handing.previews import Preview, Previewed, read_previews, show_preview
from offers.people import enrolment
from offers.people.enrolment import LONGEST_LABEL, EnrolledPhone, Enrolment, Invitation
from offers.retail.retailers import read_retailer

TestPhoneId = Annotated[str, msgspec.Meta(max_length=64)]


class InvitationDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`label` is how you will know the phone again; its person sees it too."""

    label: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_LABEL)]


class Acceptance(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The code that the business shows; case, spaces and hyphens do not matter."""

    code: Annotated[str, msgspec.Meta(max_length=40)]


class PreviewDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """On which of your test phones."""

    test_phone_id: TestPhoneId


class Previews(msgspec.Struct, kw_only=True):
    """Newest first; at most twenty."""

    items: list[Preview]


@post(
    "/v1/test-phones",
    guards=[requires("manage")],
    before_request=once,
    operation_id="inviteTestPhone",
    summary="Invite a test phone",
)
async def invite_test_phone(
    key: AuthKey, tx: Tx, now: Now, data: JSONBody[InvitationDraft], retailer_id: RetailerId = None
) -> Invitation:
    """A code for one phone, good for ten minutes. Whoever enters it lets you try things on that phone:
    ask what would be decided for its person (`POST /v1/dry-run`), and show offers on it, drafts too.
    """
    retailer = await read_retailer(tx, tenant_of(key, retailer_id))
    made = await enrolment.invite(tx, retailer.retailer_id, data.label, now)
    audit.tell("test_phone")
    keep_instead(msgspec.structs.replace(made, code=None))
    return made


@get(
    "/v1/test-phones",
    guards=[requires("read")],
    operation_id="listTestPhones",
    summary="List your test phones",
)
async def list_test_phones(
    key: AuthKey, tx: Tx, retailer_id: RetailerId = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[EnrolledPhone]:
    """Those that accepted and are in use. Nothing is told of whose they are."""
    tenant, after = tenant_of(key, retailer_id), read_text_cursor(cursor)
    phones = await enrolment.list_test_phones(tx, tenant, after_id=after, limit=limit + 1)
    return page_of(phones, limit, lambda one: one.test_phone_id)


@delete(
    "/v1/test-phones/{test_phone_id:str}",
    guards=[requires("manage")],
    operation_id="removeTestPhone",
    summary="Let a test phone go",
)
async def remove_test_phone(
    key: AuthKey,
    tx: Tx,
    test_phone_id: Annotated[str, Parameter(max_length=64, description="`test_phone_id` of the list.")],
    retailer_id: RetailerId = None,
) -> None:
    """It is no test phone of yours any more, and shows no previews."""
    audit.tell("test_phone")
    await enrolment.remove(tx, tenant_of(key, retailer_id), test_phone_id)


@post(
    "/v1/test-phones/accept",
    guards=[requires_phone],
    before_request=once,
    operation_id="acceptTestPhone",
    summary="Let a business try things on this phone",
)
async def accept_invitation(phone: AuthPhone, tx: Tx, data: JSONBody[Acceptance]) -> Enrolment:
    """Ask the person first: the business can then see what would be decided for them, with the numbers
    compared (how often they were given offers, their visits to it, their quiet hours), and show offers of
    its own here, marked as previews. Consents and limits stay as they are.
    """
    return await enrolment.accept(tx, key_of(phone), phone.device_id, data.code)


@get(
    "/v1/me/test-phones",
    guards=[requires_phone],
    operation_id="listEnrolments",
    summary="Who may try things on this phone",
)
async def list_enrolments(
    phone: AuthPhone, tx: Tx, limit: Limit = 50, cursor: Cursor = None
) -> Page[Enrolment]:
    """The businesses whose test phone this is."""
    after = read_cursor(cursor)
    found = await enrolment.enrolments_of(tx, phone.bucket, phone.device_id, after_id=after, limit=limit + 1)
    return page_of(found, limit, lambda one: one.retailer_id)


@delete(
    "/v1/me/test-phones/{retailer_id:int}",
    guards=[requires_phone],
    operation_id="leaveEnrolment",
    summary="Be no test phone any more",
)
async def leave_enrolment(
    phone: AuthPhone,
    tx: Tx,
    retailer_id: Annotated[int, Parameter(ge=1, le=LARGEST_ID, description="Of which business.")],
) -> None:
    """At once, and previews of this business are gone. 404 once it is none."""
    await enrolment.leave(tx, key_of(phone), phone.device_id, retailer_id)


@post(
    "/v1/offers/{offer_id:int}/preview",
    guards=[requires("manage")],
    before_request=once,
    operation_id="previewOffer",
    summary="See an offer on a test phone",
)
async def preview_offer(
    key: AuthKey, tx: Tx, offer_id: Id, data: JSONBody[PreviewDraft], retailer_id: RetailerId = None
) -> Previewed:
    """Shown there for an hour, clearly marked, whatever its status: `GET /v1/previews` lists it and the live
    stream tells it. It is no delivery: no rule is asked, nothing is counted or capped, and it cannot be
    redeemed.
    """
    tenant = tenant_of(key, retailer_id)
    phone = await enrolment.enrolled_phone(tx, tenant, data.test_phone_id)
    return await show_preview(tx, phone, data.test_phone_id, tenant, offer_id)


@get(
    "/v1/previews",
    guards=[requires_phone],
    operation_id="listPreviews",
    summary="Offers that are tried on this phone",
)
async def list_previews(phone: AuthPhone, tx: Tx) -> Previews:
    """Show them as you show deliveries, marked as previews. On `GET /v1/live` they are events `preview`."""
    return Previews(items=await read_previews(tx, key_of(phone), phone.device_id))


router: Final = Router(
    "/",
    route_handlers=[
        invite_test_phone,
        list_test_phones,
        remove_test_phone,
        accept_invitation,
        list_enrolments,
        leave_enrolment,
        preview_offer,
        list_previews,
    ],
    dependencies=PLAIN,
    tags=["Explaining"],
)
