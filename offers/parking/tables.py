"""The tables of parking that operators edit: zones, tariffs and their versions, permits.

The migrations make the tables; a test compares these classes with what they made. Plates and stays are of
customers: they have no classes.
"""

from datetime import datetime
from typing import Any

from geoalchemy2 import WKBElement
from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from geo.tables import Base, wgs84


class ZoneRow(Base):
    """`shape` is the truth about inside and outside; `kerb` and `buffer_m` say how a kerb was drawn."""

    __tablename__ = "parking_zones"
    __table_args__ = (
        UniqueConstraint("retailer_id", "code_key"),
        Index("parking_zones_shape_idx", "shape", postgresql_using="gist"),
        Index("parking_zones_retailer_id_zone_id_idx", "retailer_id", "zone_id"),
        Index("parking_zones_code_key_idx", "code_key"),
        Index("parking_zones_tariff_id_idx", "tariff_id"),
    )

    zone_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    retailer_id: Mapped[int] = mapped_column(ForeignKey("retailers.retailer_id"))
    code: Mapped[str]
    code_key: Mapped[str]
    name: Mapped[str]
    shape: Mapped[WKBElement] = mapped_column(wgs84("GEOMETRY"))
    kerb: Mapped[WKBElement | None] = mapped_column(wgs84("GEOMETRY"))
    buffer_m: Mapped[float | None]
    time_zone: Mapped[str]
    country: Mapped[str]
    capacity: Mapped[int | None]
    tariff_id: Mapped[int | None] = mapped_column(ForeignKey("parking_tariffs.tariff_id"))
    restrictions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    revision: Mapped[int] = mapped_column(server_default="1")
    shape_revision: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TariffRow(Base):
    """A tariff: a line of versions."""

    __tablename__ = "parking_tariffs"
    __table_args__ = (
        UniqueConstraint("retailer_id", "external_id"),
        Index("parking_tariffs_retailer_id_tariff_id_idx", "retailer_id", "tariff_id"),
    )

    tariff_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    retailer_id: Mapped[int] = mapped_column(ForeignKey("retailers.retailer_id"))
    external_id: Mapped[str]
    created_at: Mapped[datetime]


class TariffVersionRow(Base):
    """Append-only: a trigger lets nothing be written twice but an end that was open."""

    __tablename__ = "parking_tariff_versions"

    tariff_id: Mapped[int] = mapped_column(ForeignKey("parking_tariffs.tariff_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    valid_from: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    terms: Mapped[dict[str, Any]]
    published_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class PermitRow(Base):
    """Under the HMAC of a plate, never the plate. `zone_ids` None: in every zone of the operator's."""

    __tablename__ = "parking_permits"
    __table_args__ = (
        UniqueConstraint("retailer_id", "plate_hmac", "user_class"),
        Index("parking_permits_valid_until_idx", "valid_until"),
    )

    permit_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    retailer_id: Mapped[int] = mapped_column(ForeignKey("retailers.retailer_id"))
    plate_hmac: Mapped[bytes]
    key_name: Mapped[str]
    user_class: Mapped[str]
    zone_ids: Mapped[list[int] | None]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
