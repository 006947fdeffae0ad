"""Menus: cards, their versions, what filters read of those that are shown, and what is sold out.

Revision ID: 0002
"""

from pathlib import Path

from api.schema import run_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of `offers.menus`, and the column by which an offer names a menu."""
    run_script(Path(__file__).parent.parent / "sql" / "0002_menus.sql")


def downgrade() -> None:
    """Refuse: what phones were shown would be lost."""
    raise NotImplementedError("restore a copy of the database instead")
