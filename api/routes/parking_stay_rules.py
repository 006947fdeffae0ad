"""What an operator settles of a zone beside its tariff, over HTTP."""

from typing import Annotated, Final

import msgspec
from litestar import Router, get, put
from litestar.params import JSONBody, Parameter

from api import audit
from api.audit.changes import before_after
from api.auth import AuthKey, requires, tenant_of
from api.database import PLAIN, Now, Tx
from api.routes.resources import Id, RetailerId
from offers.parking.stay_rules import StayRules, read_stay_rules, write_stay_rules

ZoneId = Annotated[Id, Parameter(description="Of your parking zone.")]
_VAT: Final = "In hundredths of a percent, 2000 for 20 %: receipts then state the VAT within; null: none."


class StayRulesDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`pays_actual_time`: whoever stops early pays for the time until then, and gets the rest back."""

    pays_actual_time: bool
    vat_basis_points: Annotated[int, msgspec.Meta(ge=0, le=10_000, description=_VAT)] | None = None


@get(
    "/v1/parking/zones/{zone_id:int}/stay-rules",
    guards=[requires("read")],
    operation_id="readStayRules",
    summary="How stays in a zone end and are receipted",
)
async def read_rules(zone_id: ZoneId, key: AuthKey, tx: Tx, retailer_id: RetailerId = None) -> StayRules:
    """Nothing is given back and no VAT stated where nothing was settled."""
    return await read_stay_rules(tx, zone_id, tenant_of(key, retailer_id))


@put(
    "/v1/parking/zones/{zone_id:int}/stay-rules",
    guards=[requires("manage")],
    operation_id="writeStayRules",
    summary="Settle how stays in a zone end",
)
async def write_rules(
    zone_id: ZoneId,
    key: AuthKey,
    tx: Tx,
    now: Now,
    data: JSONBody[StayRulesDraft],
    retailer_id: RetailerId = None,
) -> StayRules:
    """Holds for every stay that is stopped from now on."""
    tenant = tenant_of(key, retailer_id)
    after = StayRules(
        zone_id=zone_id, pays_actual_time=data.pays_actual_time, vat_basis_points=data.vat_basis_points
    )
    before = await write_stay_rules(tx, after, tenant, now)
    changed = before_after(
        pays_actual_time=(before.pays_actual_time, after.pays_actual_time),
        vat_basis_points=(before.vat_basis_points, after.vat_basis_points),
    )
    audit.tell("parking_zone", zone_id, retailer_id=tenant, changed=changed)
    return after


router: Final = Router(
    "/", route_handlers=[read_rules, write_rules], dependencies=PLAIN, tags=["Parking operators"]
)
