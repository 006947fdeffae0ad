"""Dietary: consent to keep allergies and diets, its notice, and where they are kept.

Revision ID: 0003
"""

from pathlib import Path

from api.schema import run_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let `dietary` be asked, and create the table of `offers.people.diets`."""
    run_script(Path(__file__).parent.parent / "sql" / "0003_dietary.sql")


def downgrade() -> None:
    """Refuse: recorded answers would be lost."""
    raise NotImplementedError("restore a copy of the database instead")
