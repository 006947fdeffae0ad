"""Redemption over HTTP, for tills."""

from typing import Annotated, Final

import msgspec
from litestar import Router, post
from litestar.params import JSONBody

from api.auth import AuthKey, requires
from api.database import PLAIN, Tx
from api.idempotency import OperationId, once_required
from api.routes.resources import LARGEST_ID
from offers.handing.redemption import Redemption, Till, redeem


class RedemptionDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The code as the customer shows or says it: case, spaces, hyphens and O for 0 do not matter.

    `site_id`, if given, is the site of yours where the till stands.
    """

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    site_id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)] | None = None


@post(
    "/v1/redemptions",
    guards=[requires("till")],
    before_request=once_required,
    operation_id="redeemCode",
    summary="Redeem a code at the till",
)
async def redeem_code(
    key: AuthKey,
    tx: Tx,
    operation_id: OperationId,
    data: JSONBody[RedemptionDraft],
) -> Redemption:
    """Once per code, while stock lasts. Needs an `Idempotency-Key`: a retry gets the same answer.

    404 `code_unknown` (another retailer's code too); 409 `already_redeemed`, `code_expired`,
    `delivery_cancelled`, `stock_exhausted`, or `operation_of_another_code` for a key that was used for
    another code before; 400 `code_malformed`.
    """
    assert key.retailer_id is not None, "only a retailer's key has the role till"
    assert operation_id is not None, "the route requires an Idempotency-Key"
    till = Till(retailer_id=key.retailer_id, key_id=key.key_id, site_id=data.site_id)
    return await redeem(tx, till, data.code, operation_id)


router: Final = Router(
    "/",
    route_handlers=[redeem_code],
    dependencies=PLAIN,
    tags=["Till"],
    security=[{"retailerKey": []}],
)
