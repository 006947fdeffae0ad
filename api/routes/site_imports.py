"""The import of sites: GeoJSON Points, or a table with their positions."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Key
from api.import_bodies import POSITION, Form, features_in, table_of_places
from api.import_rows import Rows
from api.routes.importing import Bulk, importing
from api.routes.site_forms import SiteFeature, SiteProperties
from geo.errors import Fault, InvalidInput
from geo.geojson import read_point
from geo.places import Written
from geo.sensitive import sites_becoming_sensitive
from geo.sites import SiteEdit, faults_of, write_sites
from offers.retail.offer_edits import hours_faults


def _edit_of(feature: SiteFeature, at: str) -> SiteEdit:
    said, at_properties = feature.properties, f"{at}properties."
    external_id = said.external_id or (feature.id if isinstance(feature.id, str) else None)
    if external_id is None:
        raise InvalidInput("", faults=(Fault(f"{at_properties}external_id", "is missing"),))
    lon, lat = read_point(feature.geometry, at=at)
    named = {name: getattr(said, name) for name in said.__struct_fields__ if name != "external_id"}
    edit = SiteEdit(external_id=external_id, lon=lon, lat=lat, **named)
    faults = [
        *faults_of(edit, at_properties),
        *hours_faults(edit.opening_hours, f"{at_properties}opening_hours"),
    ]
    if faults:
        raise InvalidInput("", faults=tuple(faults))
    return edit


def _external_id_of(edit: SiteEdit) -> str:
    return edit.external_id


async def _judge(session: AsyncSession, tenant: int, _: Key, rows: Rows[SiteEdit]) -> None:
    for number, fault in (await sites_becoming_sensitive(session, tenant, rows.good)).items():
        rows.refuse_within(number, [Fault(f"properties.{fault.field}", fault.reason)])


async def _write(session: AsyncSession, tenant: int, rows: Rows[SiteEdit], _: None, now: datetime) -> Written:
    return await write_sites(session, tenant, rows.edits(_external_id_of), now)


import_all = importing(
    Bulk(
        kind="site",
        key=_external_id_of,
        judge=_judge,
        write=_write,
        in_geojson=Form("features", features_in, SiteFeature, _edit_of, "properties.external_id"),
        in_table=table_of_places(SiteFeature, SiteProperties, POSITION, _edit_of),
    ),
    operation_id="importSites",
    summary="Import sites from GeoJSON or CSV",
    description="A FeatureCollection of Points, created or replaced by `external_id` (a property, or the"
    " feature's own text id), or `text/csv` with the columns `lat`, `lon` and the names of the properties"
    " (`tags.cuisine` is one of the tags).",
)
