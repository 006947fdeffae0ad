"""What the routes of retailers' resources share: ids, the tenant parameter, read-only members, ETags."""

from typing import Annotated, Final

import msgspec
from litestar.params import HeaderParameter, Parameter
from sqlalchemy import select

from api.auth import Key, tenant_of
from api.database import Session
from api.problems import ChangedMeanwhile
from geo.errors import NotFound
from geo.tables import Retailer
from offers.retail.stops import Stopper

LARGEST_ID: Final = 2**63 - 1

Id = Annotated[int, Parameter(ge=1, le=LARGEST_ID)]
RetailerId = Annotated[
    int | None,
    Parameter(ge=1, le=LARGEST_ID, description="For admin keys: whose it is. Retailer keys need not say."),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match", max_length=100, description="The ETag you read; 412 if it has changed since."
    ),
]
PlaceId = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
SimpleText = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

# A member that the server writes: taken in a body that was read before, and then ignored.
of_server: Final = msgspec.Meta(extra_json_schema={"readOnly": True}, description="Written by the server.")


async def existing_tenant(session: Session, key: Key, retailer_id: int | None) -> int:
    """`tenant_of`, and NotFound too when an admin names a retailer there is not.

    A retailer's own key is proof that there is one, and asks no database.
    """
    tenant = tenant_of(key, retailer_id)
    if key.retailer_id is None:
        found = await session.scalar(select(Retailer.retailer_id).where(Retailer.retailer_id == tenant))
        if found is None:
            raise NotFound("There is no such retailer.")
    return tenant


def tenant_or_operator(key: Key, retailer_id: int | None) -> int | None:
    """`tenant_of`, where an admin who names nobody speaks for the operator: None."""
    return None if key.retailer_id is None and retailer_id is None else tenant_of(key, retailer_id)


def stopper_of(key: Key) -> Stopper:
    """As whom this key stops and resumes."""
    return "operator" if key.retailer_id is None else "retailer"


def etag_of(revision: int) -> str:
    return f'"{revision}"'


def refuse_unmatched(if_match: str | None, revision: int | None) -> None:
    """Raise ChangedMeanwhile unless `If-Match` is absent, `*`, or names this revision (RFC 9110 § 13.1.1).

    `revision` None: there is no such thing yet, and nothing can match.
    """
    if if_match is None:
        return
    tags = {tag.strip() for tag in if_match.split(",")}
    if revision is None or not tags & {"*", etag_of(revision)}:
        raise ChangedMeanwhile("It has changed since you read it; read it again.")
