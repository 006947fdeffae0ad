"""The tables people edit of what is offered and how often: offers, budgets, caps, defaults.

The migrations make the tables; a test compares these classes with what they made. Notices, deliveries,
leases and everything else that is written while phones report have no classes here.
"""

from datetime import datetime, time
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

import offers.menus.tables  # noqa: F401  # offers name menus: their table joins the metadata
from geo.tables import Base


class OfferRow(Base):
    """An offer as it is written; `offers.terms.Offer` is how the rules see it."""

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("retailer_id", "external_id"),
        Index("offers_retailer_id_offer_id_idx", "retailer_id", "offer_id"),
        Index("offers_menu_id_idx", "menu_id", postgresql_where=text("(menu_id IS NOT NULL)")),
    )

    offer_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    retailer_id: Mapped[int] = mapped_column(ForeignKey("retailers.retailer_id"))
    external_id: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="draft")
    content: Mapped[dict[str, Any]]
    triggers: Mapped[list[str]]
    channel: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    priority: Mapped[int] = mapped_column(server_default="0")
    fence_ids: Mapped[list[int]] = mapped_column(server_default=text("'{}'::bigint[]"))
    fence_tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    site_ids: Mapped[list[int]] = mapped_column(server_default=text("'{}'::bigint[]"))
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    weekly_hours: Mapped[str | None]
    only_while_open: Mapped[bool] = mapped_column(server_default=text("false"))
    customer_limit: Mapped[int | None]
    customer_limit_days: Mapped[int | None]
    re_eligible_after_s: Mapped[int | None]
    expires_after_s: Mapped[int] = mapped_column(server_default="86400")
    stale_after_s: Mapped[int] = mapped_column(server_default="120")
    ignores_caps: Mapped[bool] = mapped_column(server_default=text("false"))
    counts_toward_caps: Mapped[bool] = mapped_column(server_default=text("true"))
    when_quiet: Mapped[str] = mapped_column(server_default="drop")
    needs_presence: Mapped[bool] = mapped_column(server_default=text("false"))
    audience: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    holdout_percent: Mapped[int] = mapped_column(server_default="0")
    regulated: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    code_format: Mapped[str | None]
    menu_id: Mapped[int | None] = mapped_column(ForeignKey("menus.menu_id", ondelete="SET NULL"))
    stopped_at: Mapped[datetime | None]
    stopped_by: Mapped[str | None]
    revision: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OfferBudget(Base):
    """`…_available` is what no worker has leased; None is no limit. Days and weeks begin in `time_zone`."""

    __tablename__ = "offer_budgets"

    offer_id: Mapped[int] = mapped_column(ForeignKey("offers.offer_id", ondelete="CASCADE"), primary_key=True)
    deliveries_total: Mapped[int | None]
    deliveries_available: Mapped[int | None]
    redemptions_total: Mapped[int | None]
    redeemed: Mapped[int] = mapped_column(server_default="0")
    per_day: Mapped[int | None]
    day_available: Mapped[int | None]
    day_start: Mapped[datetime | None]
    per_week: Mapped[int | None]
    week_available: Mapped[int | None]
    week_start: Mapped[datetime | None]
    time_zone: Mapped[str] = mapped_column(server_default=text("'Europe/Paris'::text"))


class CapRow(Base):
    """A cap as it is written; `offers.terms.Cap` is how the rules see it."""

    __tablename__ = "caps"

    cap_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    scope: Mapped[str]
    retailer_id: Mapped[int | None] = mapped_column(ForeignKey("retailers.retailer_id"))
    offer_id: Mapped[int | None] = mapped_column(ForeignKey("offers.offer_id", ondelete="CASCADE"))
    channel: Mapped[str | None]
    tag: Mapped[str | None]
    at_most: Mapped[int]
    time_window: Mapped[str]
    rolling_s: Mapped[int | None]
    calendar_unit: Mapped[str | None]
    revision: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]


class DefaultsRow(Base):
    """One row: what holds where a person chose nothing."""

    __tablename__ = "defaults"

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    quiet_start: Mapped[time] = mapped_column(server_default=text("'21:00:00'::time without time zone"))
    quiet_end: Mapped[time] = mapped_column(server_default=text("'08:00:00'::time without time zone"))
    holdout_percent: Mapped[int] = mapped_column(server_default="0")
    holdout_salt: Mapped[str] = mapped_column(server_default=text("(gen_random_uuid())::text"))
