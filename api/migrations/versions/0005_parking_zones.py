"""Parking: zones, tariff versions, permits, and the plates of customers.

Revision ID: 0005
"""

from pathlib import Path

from api.schema import run_script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    run_script(_SQL / "0005_parking_zones.sql")


def downgrade() -> None:
    """Refuse: what was charged under a tariff version must stay reconstructable."""
    raise NotImplementedError("restore a backup instead")
