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
    tables = _SQL / "0001_tables.sql"
    run_script(tables)
    for script in sorted(_SQL.glob("0001_*.sql")):
        if script != tables:
            run_script(script)


def downgrade() -> None:
    """Refuse: the first revision has nothing before it but an empty database."""
    raise NotImplementedError("drop the database instead")
