"""The import of offers: JSON, a table of their members, or features whose geometries become fences."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Key
from api.columns import column_of, items_in, put
from api.import_bodies import Form, features_in, lines_in, listed_in
from api.import_rows import Rows
from api.refusals import fault_of
from api.routes.fence_imports import (
    ImportedFence,
    ImportedProperties,
    NamedFence,
    judge_fences,
    read_fence,
)
from api.routes.importing import Bulk, importing
from api.routes.offer_forms import Fences, Offer, budget_of, edit_of
from geo.errors import Fault, InvalidInput
from geo.fences import write_fences
from geo.places import NOTHING, Written
from offers.retail.bulk import Judged, judge_offers, write_offers
from offers.retail.named_places import OfferLine
from offers.retail.offer_edits import offer_faults

Names = Annotated[list[str], msgspec.Meta(max_length=1000)]


class NamedFences(Fences, forbid_unknown_fields=True, kw_only=True):
    """As of an offer; `external_ids` and `site_external_ids` are your own ids of fences and sites."""

    external_ids: Names = msgspec.field(default_factory=list)
    site_external_ids: Names = msgspec.field(default_factory=list)


class ImportedOffer(Offer, forbid_unknown_fields=True, kw_only=True):
    """One row of an import. What has ended may name no places any more."""

    menu_external_id: Annotated[str | None, msgspec.Meta(description="Instead of `menu_id`.")] = None
    fences: NamedFences = msgspec.field(default_factory=NamedFences)


class FenceOfOffer(ImportedProperties, forbid_unknown_fields=True, kw_only=True):
    """Of the fence that is a feature's geometry: called as its offer is, unless it says so itself."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None  # type: ignore[assignment]  # looser


class OfferProperties(ImportedOffer, forbid_unknown_fields=True, kw_only=True):
    """Of an offer that comes as a feature: its members, and those of its fence."""

    fence: FenceOfOffer = msgspec.field(default_factory=FenceOfOffer)


class OfferFeature(msgspec.Struct, kw_only=True):
    """A GeoJSON Feature; without geometry the offer has the places that it names."""

    type: Literal["Feature"]
    geometry: dict[str, Any] | None
    properties: dict[str, Any]
    id: Any = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row: an offer, and the fence that came with it."""

    offer: OfferLine
    fence: NamedFence | None = None


def _read(data: ImportedOffer, at: str) -> Line:
    return Line(offer=_offer_in(data, at))


def _read_feature(feature: OfferFeature, at: str) -> Line:
    at_properties = f"{at}properties."
    data = _properties_of(feature, at_properties)
    fence = None if feature.geometry is None else _fence_in(feature, data, at)
    if fence is None and data.fence != FenceOfOffer():
        raise InvalidInput("", faults=(Fault(f"{at_properties}fence", "goes with a geometry"),))
    return Line(offer=_offer_in(data, at_properties, fence), fence=fence)


def _properties_of(feature: OfferFeature, at: str) -> OfferProperties:
    """Nested as in JSON, or flat as map editors keep them: `budget.per_day`, `enter|nearby`."""
    members: dict[str, Any] = {}
    for name, value in feature.properties.items():
        column = column_of(name, OfferProperties)
        if value is None:
            continue
        if column is None:
            members[name] = value
        else:
            is_flat_list = column.kind == "list" and isinstance(value, str)
            put(members, column, items_in(value) if is_flat_list else value)
    if isinstance(feature.id, str):
        members.setdefault("external_id", feature.id)
    try:
        return msgspec.convert(members, OfferProperties, strict=False)
    except msgspec.ValidationError as error:
        raise _told(error, at) from None


def _fence_in(feature: OfferFeature, data: OfferProperties, at: str) -> NamedFence:
    said = {name: getattr(data.fence, name) for name in ImportedProperties.__struct_fields__}
    first = next(iter(data.content.values()), None)
    said["external_id"] = said["external_id"] or data.external_id
    said["name"] = said["name"] or (first.title if first else data.external_id)
    shaped = ImportedFence(
        type="Feature", geometry=feature.geometry or {}, properties=ImportedProperties(**said)
    )
    try:
        return read_fence(shaped, at)
    except InvalidInput as error:
        faults = tuple(Fault(_of_fence(one.field, at), one.reason) for one in error.faults)
        raise InvalidInput("", faults=faults) from None


def _of_fence(field: str, at: str = "") -> str:
    """What a fence says of its properties, as the member of an offer's."""
    return field.replace(f"{at}properties.", f"{at}properties.fence.", 1)


def _offer_in(data: ImportedOffer, at: str, fence: NamedFence | None = None) -> OfferLine:
    edit, names = edit_of(data), data.fences
    faults = [Fault("external_id", "is missing")] if edit.external_id is None else []
    # Its places are judged with those that it names besides.
    faults += [one for one in offer_faults(edit) if one.field != "fences"]
    if data.menu_id is not None and data.menu_external_id is not None:
        faults.append(Fault("menu_external_id", "goes without menu_id"))
    if faults:
        raise InvalidInput("", faults=tuple(Fault(f"{at}{one.field}", one.reason) for one in faults))
    return OfferLine(
        edit=edit,
        budget=budget_of(data),
        fence_names=(*names.external_ids, *([fence.name] if fence else [])),
        site_names=tuple(names.site_external_ids),
        menu_name=data.menu_external_id,
        is_history=data.status == "ended",
    )


def _told(error: msgspec.ValidationError, at: str) -> InvalidInput:
    fault = fault_of(str(error), OfferProperties)
    return InvalidInput("", faults=(Fault((at + fault.field).removesuffix(".body"), fault.reason),))


def _name_of(line: Line) -> str:
    return line.offer.edit.external_id or ""


async def _judge(session: AsyncSession, retailer_id: int, key: Key, rows: Rows[Line]) -> Judged:
    await _judge_fences(session, retailer_id, rows)
    judged = await judge_offers(
        session,
        retailer_id,
        {number: line.offer for number, line in rows.good.items()},
        coming={line.fence.name for line in rows.good.values() if line.fence},
        may_loosen_caps=key.retailer_id is None,
    )
    _refuse(rows, judged.faults)
    return judged


async def _judge_fences(session: AsyncSession, retailer_id: int, rows: Rows[Line]) -> None:
    if not _are_features(rows):
        return
    rows.fences = NOTHING
    fences: dict[int, NamedFence] = {}
    seen: set[str] = set()
    for number, line in list(rows.good.items()):
        if line.fence is None:
            continue
        if line.fence.name in seen:
            reason = "is that of another row's fence, too"
            rows.refuse_within(number, [Fault("properties.fence.external_id", reason)])
        seen.add(line.fence.name)
        fences[number] = line.fence
    good, faults = await judge_fences(session, retailer_id, fences)
    for number, told in faults.items():
        rows.refuse_within(number, [Fault(_of_fence(one.field), one.reason) for one in told])
    for number, edit in good.items():
        if number in rows.good:
            rows.good[number] = Line(offer=rows.good[number].offer, fence=NamedFence(edit=edit))


async def _write(
    session: AsyncSession, retailer_id: int, rows: Rows[Line], judged: Judged, now: datetime
) -> Written:
    """Fences, then their offers; where an offer is refused then, all is done again without its fence."""
    while True:
        attempt = await session.begin_nested()
        fences = [line.fence.edit for line in rows.edits(_fence_name_of) if line.fence]
        if _are_features(rows):
            rows.fences = await write_fences(session, retailer_id, fences, now)
        written, refused = await write_offers(session, retailer_id, judged, now, list(rows.good))
        is_of_no_fence = all(rows.good[number].fence is None for number in refused)
        _refuse(rows, refused)
        if is_of_no_fence:
            await attempt.commit()
            return written
        await attempt.rollback()


def _fence_name_of(line: Line) -> str:
    return line.fence.name if line.fence else ""


def _refuse(rows: Rows[Line], faults: dict[int, list[Fault]]) -> None:
    before = "properties." if _are_features(rows) else ""
    for number, told in faults.items():
        rows.refuse_within(number, [Fault(f"{before}{one.field}", one.reason) for one in told])


def _are_features(rows: Rows[Line]) -> bool:
    return rows.list_name == "features"


import_all = importing(
    Bulk(
        kind="offer",
        key=_name_of,
        judge=_judge,
        write=_write,
        in_geojson=Form("features", features_in, OfferFeature, _read_feature, "properties.external_id"),
        in_table=Form("rows", lines_in(ImportedOffer), ImportedOffer, _read, is_strict=False),
        in_json=Form("offers", listed_in("offers"), ImportedOffer, _read),
    ),
    operation_id="importOffers",
    summary="Import offers from JSON, CSV or GeoJSON",
    description='`{"offers": […]}` of offers as `POST /v1/offers` takes them; or `text/csv` whose columns are'
    " the paths of their members (`content.fr.title`, `budget.per_day`; lists with `|` between); or a"
    " FeatureCollection whose geometries become a fence each (`fence.radius_m`, `fence.external_id` …) and"
    " whose properties are the offer's members, nested or flat. New ones begin as drafts, others are edited"
    " by their `external_id` under the rules of a single edit. `fences.external_ids` and"
    " `fences.site_external_ids` name places by your own ids.",
)
