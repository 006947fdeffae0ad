"""The import of fences: GeoJSON features, or a table with circles and well-known text."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Key
from api.import_bodies import POSITION_OR_SHAPE, Form, features_in, table_of_places
from api.import_rows import Rows
from api.routes.fence_forms import FenceFeature, FenceProperties, edit_of
from api.routes.importing import Bulk, importing
from geo.errors import Fault, InvalidInput
from geo.fences import FenceEdit, faults_of, write_fences
from geo.names import SITES, ids_of
from geo.places import Written
from geo.sensitive import sensitive_fences
from geo.sites import positions_of_sites


class ImportedProperties(FenceProperties, forbid_unknown_fields=True, kw_only=True):
    """As of a fence; `site_external_id` is your own id of its site, instead of Alentour's."""

    site_external_id: str | None = None


class ImportedFence(FenceFeature, kw_only=True):
    """One row of an import."""

    properties: ImportedProperties


class NamedFence(msgspec.Struct, frozen=True, kw_only=True):
    """A fence whose site may be known by name only, until the sites are read."""

    edit: FenceEdit
    site_name: str | None = None

    @property
    def name(self) -> str:
        return self.edit.external_id or ""


Fences = Mapping[int, NamedFence]


async def judge_fences(
    session: AsyncSession, retailer_id: int, fences: Fences
) -> tuple[dict[int, FenceEdit], dict[int, list[Fault]]]:
    """By number, the fences on their sites, which are held until the commit; and what is wrong with others.

    Faults are told from the feature on, as `properties.site_id`.
    """
    placed, faults = await _placed(session, retailer_id, fences)
    site_ids = {edit.site_id for edit in placed.values() if edit.site_id is not None}
    sites = await positions_of_sites(session, retailer_id, site_ids)
    faults |= {number: told for number, edit in placed.items() if (told := faults_of(edit, sites))}
    good = {number: edit for number, edit in placed.items() if number not in faults}
    for number, fault in (await sensitive_fences(session, retailer_id, good)).items():
        faults[number] = [fault]
        del good[number]
    return good, faults


async def _placed(
    session: AsyncSession, retailer_id: int, fences: Fences
) -> tuple[dict[int, FenceEdit], dict[int, list[Fault]]]:
    names = {fence.site_name for fence in fences.values() if fence.site_name is not None}
    site_ids = await ids_of(session, SITES, retailer_id, names)
    placed, faults = {}, {}
    for number, fence in fences.items():
        if fence.site_name is None:
            placed[number] = fence.edit
        elif (site_id := site_ids.get(fence.site_name)) is not None:
            placed[number] = msgspec.structs.replace(fence.edit, site_id=site_id)
        else:
            faults[number] = [Fault("properties.site_external_id", "there is no such site")]
    return placed, faults


def read_fence(feature: ImportedFence, at: str) -> NamedFence:
    """Raises InvalidInput."""
    edit = edit_of(feature, at)
    said = feature.properties
    if edit.external_id is None and isinstance(feature.id, str):
        edit = msgspec.structs.replace(edit, external_id=feature.id)
    if edit.external_id is None:
        raise InvalidInput("", faults=(Fault(f"{at}properties.external_id", "is missing"),))
    if edit.site_id is not None and said.site_external_id is not None:
        raise InvalidInput("", faults=(Fault(f"{at}properties.site_id", "goes without site_external_id"),))
    return NamedFence(edit=edit, site_name=said.site_external_id)


async def _judge(session: AsyncSession, retailer_id: int, _: Key, rows: Rows[NamedFence]) -> None:
    good, faults = await judge_fences(session, retailer_id, rows.good)
    for number, told in faults.items():
        rows.refuse_within(number, told)
    rows.good = {number: NamedFence(edit=edit) for number, edit in good.items()}


async def _write(
    session: AsyncSession, retailer_id: int, rows: Rows[NamedFence], _: None, now: datetime
) -> Written:
    return await write_fences(session, retailer_id, [one.edit for one in rows.edits(_name_of)], now)


def _name_of(fence: NamedFence) -> str:
    return fence.name


import_all = importing(
    Bulk(
        kind="fence",
        key=_name_of,
        judge=_judge,
        write=_write,
        in_geojson=Form("features", features_in, ImportedFence, read_fence, "properties.external_id"),
        in_table=table_of_places(ImportedFence, ImportedProperties, POSITION_OR_SHAPE, read_fence),
    ),
    operation_id="importFences",
    summary="Import fences from GeoJSON or CSV",
    description="A FeatureCollection of circles (Point and `radius_m`), Polygons and MultiPolygons, created"
    " or replaced by `external_id` (a property, or the feature's own text id), or `text/csv` with the columns"
    " `lat`, `lon` and `radius_m`, or `wkt`, and the names of the properties. `site_external_id` names a site"
    " by your own id, instead of `site_id`.",
)
