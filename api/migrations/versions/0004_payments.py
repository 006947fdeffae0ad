"""Payments, refunds, the ledger, what outlives an erasure of them, and the sandbox provider's memory.

Revision ID: 0004
"""

from pathlib import Path

from api.schema import run_script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of payments."""
    run_script(Path(__file__).parent.parent / "sql" / "0004_payments.sql")


def downgrade() -> None:
    """Refuse: money that was taken cannot be forgotten."""
    raise NotImplementedError("restore a dump instead")
