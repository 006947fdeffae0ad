"""${message}.

Revision ID: ${up_revision}
"""

from pathlib import Path

from api.schema import run_script

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Run the SQL file of this revision."""
    run_script(_SQL / "${up_revision}_….sql")


def downgrade() -> None:
    """Go forward instead: a released revision is corrected by the next one."""
    raise NotImplementedError("write a new revision instead")
