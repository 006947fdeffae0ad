"""The tables people edit of whom and where: retailers, keys, sites, fences, the version of it all.

The migrations make the tables; a test compares these classes with what they made. The hot tables
of customers have no classes: they are read and written by plain SQL.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import shapely
from geoalchemy2 import Geometry, WKBElement
from geoalchemy2.shape import to_shape
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Computed,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    any_,
    cast,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Text, big integers and aware times, as PostgreSQL likes them."""

    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own hook, read once
        str: Text,
        bytes: LargeBinary,
        float: DOUBLE_PRECISION,
        datetime: TIMESTAMP(timezone=True),
        list[str]: ARRAY(Text),
        list[int]: ARRAY(BigInteger),
        dict[str, Any]: JSONB,
    }


def is_one_of(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """Like `IN`, with all values in one parameter: a statement has room for 32,767, and imports name more."""
    found: ColumnElement[bool] = column == any_(cast(list(values), ARRAY(column.type)))
    return found


def wgs84(kind: str) -> Geometry:
    """A geometry column in longitude and latitude; its index is named with the table's others."""
    return Geometry(kind, srid=4326, spatial_index=False)


def position_in(point: WKBElement) -> tuple[float, float]:
    """(longitude, latitude) of a point read from the database."""
    geometry = to_shape(point)
    return float(shapely.get_x(geometry)), float(shapely.get_y(geometry))


class Retailer(Base):
    """A tenant: every place, offer and key but an admin's belongs to one."""

    __tablename__ = "retailers"

    retailer_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    external_id: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str]
    stopped_at: Mapped[datetime | None]
    stopped_by: Mapped[str | None]
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A key of a retailer, or without one an admin's; only the hash of its secret is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("api_keys_retailer_id_idx", "retailer_id"),)

    key_id: Mapped[str] = mapped_column(primary_key=True)
    first_key_id: Mapped[str]
    retailer_id: Mapped[int | None] = mapped_column(ForeignKey("retailers.retailer_id"))
    role: Mapped[str]
    label: Mapped[str] = mapped_column(server_default="")
    secret_hash: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Site(Base):
    """A place of business."""

    __tablename__ = "sites"
    __table_args__ = (
        UniqueConstraint("retailer_id", "external_id"),
        Index("sites_location_idx", "location", postgresql_using="gist"),
        Index("sites_retailer_id_site_id_idx", "retailer_id", "site_id"),
        Index(
            "sites_sensitive",
            "location",
            postgresql_using="gist",
            postgresql_where=text("(sensitive IS NOT NULL)"),
        ),
    )

    site_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    retailer_id: Mapped[int] = mapped_column(ForeignKey("retailers.retailer_id"))
    external_id: Mapped[str | None]
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="shop")
    location: Mapped[WKBElement] = mapped_column(wgs84("POINT"))
    time_zone: Mapped[str]
    opening_hours: Mapped[str | None]
    tags: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    attribution: Mapped[str | None]
    # worship, health, union, party, sex_life: no fence may stand for it.
    sensitive: Mapped[str | None] = mapped_column(Computed("sensitive_because(kind, tags)", persisted=True))
    revision: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Fence(Base):
    """`shape` is the truth about inside and outside; `centre` and `radius_m` say how a circle was drawn."""

    __tablename__ = "fences"
    __table_args__ = (
        UniqueConstraint("retailer_id", "external_id"),
        Index("fences_shape_idx", "shape", postgresql_using="gist"),
        Index("fences_retailer_id_fence_id_idx", "retailer_id", "fence_id"),
        Index("fences_site_id_idx", "site_id"),
    )

    fence_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    retailer_id: Mapped[int] = mapped_column(ForeignKey("retailers.retailer_id"))
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.site_id", ondelete="CASCADE"))
    external_id: Mapped[str | None]
    name: Mapped[str]
    shape: Mapped[WKBElement] = mapped_column(wgs84("GEOMETRY"))
    centre: Mapped[WKBElement | None] = mapped_column(wgs84("POINT"))
    radius_m: Mapped[float | None]
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    dwell_s: Mapped[int] = mapped_column(server_default="180")
    retrigger_s: Mapped[int] = mapped_column(server_default="0")
    active_hours: Mapped[str | None]
    starts_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(server_default="1")
    shape_revision: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ConfigVersion(Base):
    """One row, raised last in every transaction that edits what workers keep in memory."""

    __tablename__ = "config_version"

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    version: Mapped[int] = mapped_column(BigInteger, server_default="1")
    stop_version: Mapped[int] = mapped_column(BigInteger, server_default="1")
