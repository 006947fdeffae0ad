"""References and attributes over HTTP: by which name a retailer knows a customer, and what it says."""

from typing import Annotated, Final

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.params import JSONBody, Parameter

from api import audit
from api.auth import AuthKey, AuthPhone, requires, requires_phone, tenant_of
from api.database import PLAIN, Tx
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.devices import key_of
from api.routes.resources import LARGEST_ID, PlaceId, RetailerId
from offers.people import references
from offers.people.references import KnownAs, Reference
from offers.retail import customer_attributes
from offers.retail.customer_attributes import Attributes

_ATTRIBUTES: Final = (
    "At most 20 names such as `loyalty_tier` (a to z, 0 to 9 and _, at most 40) with a value each, 1 to 64"
    " printable characters."
)
CustomerReference = Annotated[
    str, Parameter(max_length=64, description="What your customer's app handed you: `cr_…`.")
]


class ReferenceDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """For which retailer."""

    retailer_id: PlaceId


class AttributesDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """All that you say; what is not named is forgotten."""

    attributes: Annotated[dict[str, str], msgspec.Meta(description=_ATTRIBUTES)]


@post(
    "/v1/references",
    guards=[requires_phone],
    operation_id="giveReference",
    summary="Let a retailer know you",
)
async def give_reference(phone: AuthPhone, tx: Tx, data: JSONBody[ReferenceDraft]) -> Response[Reference]:
    """A name of yours for this one retailer, for a loyalty programme for instance; it is told only here.

    It means nothing to any other retailer, and nothing is said with it by itself. With consent to
    personalisation only (403 `no_personalisation_consent`). Asking again makes another, and the one before
    is unknown from then on.
    """
    reference = await references.give_reference(tx, key_of(phone), data.retailer_id)
    return Response(reference, status_code=201, headers={"cache-control": "no-store"})


@get(
    "/v1/references",
    guards=[requires_phone],
    operation_id="listReferences",
    summary="Who knows you, and what they say",
)
async def list_references(
    phone: AuthPhone, tx: Tx, limit: Limit = 50, cursor: Cursor = None
) -> Page[KnownAs]:
    """The retailers you gave a reference, and every attribute each of them set for you."""
    after = read_cursor(cursor)
    known = await references.list_references(tx, key_of(phone), after_id=after, limit=limit + 1)
    return page_of(known, limit, lambda one: one.retailer_id)


@delete(
    "/v1/references/{retailer_id:int}",
    guards=[requires_phone],
    operation_id="endReference",
    summary="Be unknown to a retailer again",
)
async def end_reference(
    phone: AuthPhone,
    tx: Tx,
    retailer_id: Annotated[int, Parameter(ge=1, le=LARGEST_ID, description="Which retailer.")],
) -> None:
    """The reference ends, and what the retailer said is erased. 404 once it does not know you."""
    await references.end_reference(tx, key_of(phone), retailer_id)


@put(
    "/v1/customers/{reference:str}/attributes",
    guards=[requires("manage")],
    operation_id="setAttributes",
    summary="Say something about a customer of yours",
)
async def set_attributes(
    key: AuthKey,
    tx: Tx,
    reference: CustomerReference,
    data: JSONBody[AttributesDraft],
    retailer_id: RetailerId = None,
) -> Attributes:
    """Replaces all that you said before. Your offers' audiences can ask for it; your customer can read it.

    404 for a reference that was replaced or ended, that is another retailer's, or whose customer no longer
    consents to personalisation.
    """
    tenant = tenant_of(key, retailer_id)
    audit.tell("customer")
    return await customer_attributes.set_attributes(tx, tenant, reference, data.attributes)


@get(
    "/v1/customers/{reference:str}/attributes",
    guards=[requires("read")],
    operation_id="getAttributes",
    summary="Read what you say about a customer",
)
async def get_attributes(
    key: AuthKey, tx: Tx, reference: CustomerReference, retailer_id: RetailerId = None
) -> Attributes:
    """Your own attributes only."""
    return await customer_attributes.read_attributes(tx, tenant_of(key, retailer_id), reference)


@delete(
    "/v1/customers/{reference:str}/attributes",
    guards=[requires("manage")],
    operation_id="deleteAttributes",
    summary="Say nothing about a customer any more",
)
async def delete_attributes(
    key: AuthKey, tx: Tx, reference: CustomerReference, retailer_id: RetailerId = None
) -> None:
    """The reference stays."""
    audit.tell("customer")
    await customer_attributes.delete_attributes(tx, tenant_of(key, retailer_id), reference)


router: Final = Router(
    "/",
    route_handlers=[
        give_reference,
        list_references,
        end_reference,
        set_attributes,
        get_attributes,
        delete_attributes,
    ],
    dependencies=PLAIN,
    tags=["Known customers"],
)
