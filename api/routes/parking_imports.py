"""The imports of parking: zones from GeoJSON, tariffs from JSON, permits from JSON or a table."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Key
from api.import_bodies import Form, features_in, lines_in, listed_in
from api.import_rows import Rows
from api.routes.importing import Bulk, importing
from api.routes.parking_forms import NamedZone, ZoneFeature, read_zone_feature, with_tariff
from geo.errors import Fault, InvalidInput
from geo.places import Written
from offers.parking.codes import code_key_of
from offers.parking.permit_edits import MOST_ZONES, PermitEdit, permit_faults, write_permits
from offers.parking.plate_keys import PlateKey
from offers.parking.plates import LONGEST_TYPED, read_plate
from offers.parking.publishing import Plan, plan_tariffs, publish
from offers.parking.tariff_rows import ids_of_tariffs
from offers.parking.tariffs import Tariff, read_tariff
from offers.parking.zone_edits import ids_of_zones, write_zones

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_NOW: Final = text("SELECT alentour_now()")


def _code_of(zone: NamedZone) -> str:
    return code_key_of(zone.edit.code)


async def _judge_zones(session: AsyncSession, tenant: int, _: Key, rows: Rows[NamedZone]) -> None:
    names = {zone.tariff for zone in rows.good.values() if zone.tariff is not None}
    ids = await ids_of_tariffs(session, tenant, names)
    for number, zone in list(rows.good.items()):
        edit = with_tariff(zone, ids)
        if isinstance(edit, Fault):
            rows.refuse_within(number, [edit])
        else:
            rows.good[number] = NamedZone(edit=edit)


async def _write_zones(
    session: AsyncSession, tenant: int, rows: Rows[NamedZone], _: None, now: datetime
) -> Written:
    return await write_zones(session, tenant, [one.edit for one in rows.edits(_code_of)], now)


import_zones = importing(
    Bulk(
        kind="parking_zone",
        key=_code_of,
        judge=_judge_zones,
        write=_write_zones,
        in_geojson=Form("features", features_in, ZoneFeature, read_zone_feature, "properties.code"),
    ),
    operation_id="importParkingZones",
    summary="Import parking zones from GeoJSON",
    description="A FeatureCollection of zones as `POST /v1/parking/zones` takes them, created or replaced by"
    " `code`. Import the tariffs that they name first.",
)


def _key_of_tariff(tariff: Tariff) -> str:
    return f"{tariff.id}\0{tariff.version}"


def _read_tariff(raw: Any, at: str) -> Tariff:
    try:
        return read_tariff(raw)
    except InvalidInput as error:
        raise InvalidInput(
            "", faults=tuple(Fault(f"{at}{one.field}", one.reason) for one in error.faults)
        ) from None


async def _judge_tariffs(session: AsyncSession, tenant: int, _: Key, rows: Rows[Tariff]) -> Plan:
    now: datetime = (await session.execute(_NOW)).scalar_one()
    plan = await plan_tariffs(session, tenant, rows.good, now)
    for number, faults in plan.faults.items():
        rows.refuse_within(number, faults)
    return plan


async def _write_tariffs(
    session: AsyncSession, tenant: int, rows: Rows[Tariff], plan: Plan, now: datetime
) -> Written:
    return await publish(session, tenant, plan, now, rows.good.keys())


import_tariffs = importing(
    Bulk(
        kind="parking_tariff",
        key=_key_of_tariff,
        judge=_judge_tariffs,
        write=_write_tariffs,
        in_json=Form("tariffs", listed_in("tariffs"), dict[str, Any], _read_tariff, "version"),
    ),
    operation_id="importParkingTariffs",
    summary="Import parking tariffs from JSON",
    description='`{"tariffs": […]}` of tariffs as `POST /v1/parking/tariffs` takes them, each one version. A'
    " version that is there already with the same terms is left alone; with others it is refused: none is"
    " ever edited. Two of one tariff may not hold at once; one without an end ends where the next begins.",
)


class PermitForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which plate parks as what, from when until when. `zones` are codes of yours; none: all of them."""

    plate: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TYPED)]
    country: str
    user_class: str
    valid_from: Moment
    valid_until: Moment
    zones: Annotated[list[str], msgspec.Meta(max_length=MOST_ZONES)] = []


def _read_permit(said: PermitForm, at: str) -> PermitEdit:
    edit = PermitEdit(
        plate=read_plate(said.plate, said.country, f"{at}plate"),
        user_class=said.user_class,
        valid_from=said.valid_from,
        valid_until=said.valid_until,
        zones=tuple(dict.fromkeys(map(code_key_of, said.zones))),
    )
    if faults := permit_faults(edit, at):
        raise InvalidInput("", faults=tuple(faults))
    return edit


def _key_of_permit(edit: PermitEdit) -> str:
    return f"{edit.plate.country}\0{edit.plate.text}\0{edit.user_class}"


async def _judge_permits(
    session: AsyncSession, tenant: int, _: Key, rows: Rows[PermitEdit]
) -> dict[str, int]:
    wanted = {code for edit in rows.good.values() for code in edit.zones}
    ids = await ids_of_zones(session, tenant, wanted)
    for number, edit in list(rows.good.items()):
        unknown = [Fault("zones", f"there is no zone {code}") for code in edit.zones if code not in ids]
        rows.refuse_within(number, unknown)
    return ids


async def _write_permits(
    session: AsyncSession, tenant: int, rows: Rows[PermitEdit], ids: dict[str, int], now: datetime
) -> Written:
    plate_key: PlateKey = session.info["state"].plate_key
    return await write_permits(session, tenant, rows.edits(_key_of_permit), ids, plate_key, now)


import_permits = importing(
    Bulk(
        kind="parking_permit",
        key=_key_of_permit,
        judge=_judge_permits,
        write=_write_permits,
        in_json=Form("permits", listed_in("permits"), PermitForm, _read_permit, "plate"),
        in_table=Form("rows", lines_in(PermitForm), PermitForm, _read_permit, "plate", is_strict=False),
    ),
    operation_id="importParkingPermits",
    summary="Import permits from JSON or CSV",
    description='`{"permits": […]}`, or `text/csv` with the names of the members as columns (`zones` with `|`'
    " between). A permit says that a plate parks in a class of your tariffs, such as `resident`. Created or"
    " replaced by plate and class; to end one early, import it with an earlier `valid_until`. The plate"
    " itself is not kept, only a keyed hash to find it by, so that there is no export.",
)
