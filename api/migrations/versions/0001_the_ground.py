"""The ground: clock, retailers, places, offers, customers, deliveries, and the hot functions.

Revision ID: 0001
"""

from pathlib import Path

from api.schema import run_script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Create everything. The statements live in SQL files, where they can be read and run."""
    run_script(_SQL / "0001_tables.sql")
    run_script(_SQL / "0001_main_path.sql")
    run_script(_SQL / "0001_near.sql")
    run_script(_SQL / "0001_notices.sql")


def downgrade() -> None:
    """Refuse: the first revision has nothing before it but an empty database."""
    raise NotImplementedError("drop the database instead")
