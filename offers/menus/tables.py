"""The tables of menus that people edit; the migrations make them, a test compares.

What filters read (`published_menus`, `menu_items`) and what is sold out (`menu_availability`) have no
classes: `offers.menus.projection` and `offers.menus.availability` hold their SQL.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from geo.names import Kind
from geo.tables import Base


class MenuRow(Base):
    """A menu as its retailer is writing it. `published_version` is what phones see; None: nothing."""

    __tablename__ = "menus"
    __table_args__ = (
        UniqueConstraint("retailer_id", "external_id"),
        ForeignKeyConstraint(
            ["menu_id", "published_version"],
            ["menu_versions.menu_id", "menu_versions.version"],
            deferrable=True,
            initially="DEFERRED",
            use_alter=True,
        ),
        Index("menus_retailer_id_menu_id_idx", "retailer_id", "menu_id"),
        Index("menus_site_id_idx", "site_id"),
    )

    menu_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    retailer_id: Mapped[int] = mapped_column(ForeignKey("retailers.retailer_id"))
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.site_id", ondelete="CASCADE"))
    external_id: Mapped[str | None]
    card: Mapped[dict[str, Any]]
    content_hash: Mapped[str]
    published_version: Mapped[int | None]
    last_version: Mapped[int] = mapped_column(server_default="0")
    revision: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class MenuVersionRow(Base):
    """What was published once. Only `ended_at` is ever added."""

    __tablename__ = "menu_versions"
    __table_args__ = (
        Index("one_version_is_shown", "menu_id", unique=True, postgresql_where=text("(ended_at IS NULL)")),
    )

    menu_id: Mapped[int] = mapped_column(ForeignKey("menus.menu_id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    card: Mapped[dict[str, Any]]
    content_hash: Mapped[str]
    published_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


MENUS: Final = Kind(MenuRow, MenuRow.menu_id, "menu")
