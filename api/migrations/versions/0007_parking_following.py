"""Cars are followed for parking, with a consent of its own, and their drivers are asked.

Revision ID: 0007
"""

from pathlib import Path

from api.schema import run_script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SCRIPT = Path(__file__).parent.parent / "sql" / "0007_parking_following.sql"


def upgrade() -> None:
    """Create the table of prompts, and let the flush know who may be followed for parking."""
    run_script(_SCRIPT)


def downgrade() -> None:
    """Refuse: what drivers were asked would be lost."""
    raise NotImplementedError("restore a backup instead")
