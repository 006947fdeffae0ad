"""How long what is known about a person is kept. Receipts promise it, `offers.engine.retention` keeps it."""

from datetime import timedelta
from typing import Final

CROSSINGS_KEPT_DAYS: Final = 90
# The reasons of a decision. The delivery itself stays: limits and caps may reach back for ever.
REASONS_KEPT_DAYS: Final = 90

CROSSINGS_KEPT: Final = timedelta(days=CROSSINGS_KEPT_DAYS)
REASONS_KEPT: Final = timedelta(days=REASONS_KEPT_DAYS)
# Who changed what, of the operator and of retailers: names keys, never a customer.
AUDIT_KEPT: Final = timedelta(days=2 * 365)
# After a code's last minute; long enough for a phone that lost its answer to ask again.
LINK_CODES_KEPT: Final = timedelta(days=1)
