"""The ground: clock, retailers, places, offers, customers, deliveries, and the hot functions.

Revision ID: 0001
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Create everything. The statements live in SQL files, where they can be read and run."""
    op.execute((_SQL / "0001_tables.sql").read_text(encoding="utf-8"))
    op.execute((_SQL / "0001_main_path.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: the first revision has nothing before it but an empty database."""
    raise NotImplementedError("drop the database instead")
