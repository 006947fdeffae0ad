"""How long what is known about a person is kept. Receipts promise it, the two retentions keep it.

They are `offers.engine.retention` for what is simply too old, `offers.people.leaving` for what has to be
counted or proven before it goes. docs/data-map.md names them all, and a test lets each run out.
"""

from datetime import timedelta
from typing import Final

CROSSINGS_KEPT_DAYS: Final = 90
# The reasons of a decision. The delivery stays as long as a limit could count it.
REASONS_KEPT_DAYS: Final = 90
# Longer than any window of a cap, any re-eligibility and any expiry (366 days each). What still counts
# "for ever" for an offer that has not ended is then kept as an earlier delivery: no content, no place.
DELIVERIES_KEPT_DAYS: Final = 400
# What an operator may have reason to choose differently: ALENTOUR_DORMANT_AFTER_MONTHS (the French
# authority's reference for prospects is three years after the last contact) and ALENTOUR_LEDGER_KEPT_YEARS
# (Code de commerce, art. L123-22: ten years).
DORMANT_AFTER_MONTHS: Final = 36
LEDGER_KEPT_YEARS: Final = 10
# A plate that nobody parked with: ALENTOUR_PLATES_KEPT_MONTHS.
PLATES_KEPT_MONTHS: Final = 13
# A parking session and its receipt: ALENTOUR_PARKING_KEPT_MONTHS. A payer may contest a payment for 13 months
# (Code monétaire et financier, art. L133-24).
PARKING_KEPT_MONTHS: Final = 13

# A question about parking that is over; long enough to find out why somebody was asked.
PROMPTS_KEPT: Final = timedelta(days=7)
CROSSINGS_KEPT: Final = timedelta(days=CROSSINGS_KEPT_DAYS)
REASONS_KEPT: Final = timedelta(days=REASONS_KEPT_DAYS)
# Who changed what, of the operator and of retailers: names keys, never a customer.
AUDIT_KEPT: Final = timedelta(days=2 * 365)
DELIVERIES_KEPT: Final = timedelta(days=DELIVERIES_KEPT_DAYS)
# After a code's last minute; long enough for a phone that lost its answer to ask again.
LINK_CODES_KEPT: Final = timedelta(days=1)
# A quote that no stay came of, and a stay that never began; a phone that lost its answer asks within a day.
QUOTES_KEPT: Final = timedelta(days=1)
# A phone that joined and was never let in.
PENDING_DEVICES_KEPT: Final = timedelta(days=1)
# The list of one's phones shows for a while that one was revoked.
REVOKED_DEVICES_KEPT: Final = timedelta(days=90)
# Somebody none of whose phones is active any more can never come back as the same person.
LEFT_CUSTOMERS_KEPT: Final = timedelta(days=90)
# The person can read for so long that somebody looked.
LOOKS_KEPT: Final = timedelta(days=2 * 365)
# The French limitation period for a claim that there was no consent (Code civil, art. 2224).
CONSENT_PROOFS_KEPT: Final = timedelta(days=5 * 365)
# Longer than the 13 months in which a cardholder may dispute a payment (directive 2015/2366, art. 71). Then
# the ledger keeps the amounts, without the person.
PAYMENTS_KEPT: Final = timedelta(days=400)
# A key that has ended: who did what with it may be asked for as long as deliveries are kept.
ENDED_KEYS_KEPT: Final = timedelta(days=400)
# Counts without people, for comparisons with the year before.
# After a permit's end: for whoever contests a fine of its last days.
PERMITS_KEPT: Final = timedelta(days=90)
SUPPRESSIONS_KEPT: Final = timedelta(days=760)


def months(number: int) -> timedelta:
    """So many months, of 30.4375 days: an average one."""
    return timedelta(days=number * 30.4375)


def years(number: int) -> timedelta:
    """So many years, of 365 days."""
    return timedelta(days=number * 365)
