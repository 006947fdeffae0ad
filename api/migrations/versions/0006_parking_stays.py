"""Parking: quotes, stays and their purchases, what plates may do where, and keys for inspectors.

Revision ID: 0006
"""

from pathlib import Path

from api.schema import run_script

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SCRIPT = Path(__file__).parent.parent / "sql" / "0006_parking_stays.sql"


def upgrade() -> None:
    """Create the tables, and let keys have the role `enforce`."""
    run_script(_SCRIPT)


def downgrade() -> None:
    """Refuse: stays that were paid for would be lost."""
    raise NotImplementedError("restore a backup instead")
