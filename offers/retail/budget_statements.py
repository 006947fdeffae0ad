"""The statements that write budgets, many at once; who may do so is decided in `offers.retail.budgets`.

Most take `:rows`, JSON of `offer_id`, `most` (the limit; null is none) and `zone`, and return the offers
that they changed: where units are given or leased already, a limit below them changes nothing.
"""

from typing import Final, Literal

Period = Literal["day", "week"]
PERIODS: Final[tuple[Period, ...]] = ("day", "week")

_ROWS: Final = """
    json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(offer_id bigint, most integer, zone text)
"""
MOVE: Final = f"""
UPDATE offer_budgets b SET deliveries_total = e.most,
       deliveries_available = b.deliveries_available + e.most - b.deliveries_total
FROM {_ROWS}
WHERE b.offer_id = e.offer_id AND b.deliveries_available + e.most - b.deliveries_total >= 0
RETURNING b.offer_id
"""  # noqa: S608 - joined from constants of this module, here and below
FREE: Final = f"""
UPDATE offer_budgets b SET deliveries_total = NULL, deliveries_available = NULL
FROM {_ROWS} WHERE b.offer_id = e.offer_id RETURNING b.offer_id
"""  # noqa: S608
HOLD_LEASES: Final = """
SELECT lease_id FROM budget_leases WHERE offer_id = ANY(:offer_ids) ORDER BY lease_id FOR UPDATE
"""
HOLD: Final = """
SELECT offer_id FROM offer_budgets WHERE offer_id = ANY(:offer_ids) ORDER BY offer_id FOR UPDATE
"""
# What is leased counts as given until it comes back; what was delivered from a lease is within it.
# Of a draft nothing can have been given.
_GIVEN: Final = """
CROSS JOIN LATERAL (SELECT CASE WHEN o.status = 'draft' THEN 0 ELSE
    (SELECT coalesce(sum(granted), 0) FROM budget_leases WHERE offer_id = e.offer_id)
    + (SELECT count(*) FROM deliveries d
       WHERE d.bucket BETWEEN 0 AND 63 AND d.offer_id = e.offer_id AND d.decided_at >= {since}
         AND NOT EXISTS (SELECT FROM budget_leases l WHERE l.lease_id = d.lease_id))
    + (SELECT CAST(coalesce(sum(decided), 0) AS bigint) FROM delivery_totals
       WHERE offer_id = e.offer_id AND hour >= {since}) END AS given) AS g
"""
BIND: Final = f"""
UPDATE offer_budgets b SET deliveries_total = e.most, deliveries_available = e.most - g.given
FROM {_ROWS} JOIN offers o USING (offer_id) {_GIVEN.format(since="'-infinity'")}
WHERE b.offer_id = e.offer_id AND e.most >= g.given
RETURNING b.offer_id
"""  # noqa: S608
REDEMPTIONS: Final = f"""
UPDATE offer_budgets b SET redemptions_total = e.most
FROM {_ROWS} WHERE b.offer_id = e.offer_id AND (e.most IS NULL OR b.redeemed <= e.most)
RETURNING b.offer_id
"""  # noqa: S608
ZONE: Final = f"""
UPDATE offer_budgets b SET time_zone = e.zone FROM {_ROWS} WHERE b.offer_id = e.offer_id RETURNING b.offer_id
"""  # noqa: S608
# A day or week is never refused for being spent already: nothing more is given until it is over.
BIND_PERIOD: Final = {
    period: f"""
        UPDATE offer_budgets b SET per_{period} = e.most, {period}_start = s.start,
               {period}_available = e.most - g.given
        FROM {_ROWS} JOIN offers o USING (offer_id) JOIN offer_budgets z USING (offer_id)
        CROSS JOIN LATERAL (SELECT period_start('{period}', z.time_zone, alentour_now()) AS start) AS s
        {_GIVEN.format(since="s.start")}
        WHERE b.offer_id = e.offer_id
        RETURNING b.offer_id
    """  # noqa: S608
    for period in PERIODS
}
MOVE_PERIOD: Final = {
    period: f"""
        UPDATE offer_budgets b SET per_{period} = e.most,
               {period}_available = b.{period}_available + e.most - b.per_{period},
               {period}_start = CASE WHEN e.most IS NOT NULL THEN b.{period}_start END
        FROM {_ROWS} WHERE b.offer_id = e.offer_id
        RETURNING b.offer_id
    """  # noqa: S608
    for period in PERIODS
}
# An offer that was made without a row had no limits; what was redeemed meanwhile is counted.
ADD: Final = f"""
INSERT INTO offer_budgets (offer_id, redeemed)
SELECT e.offer_id,
       (SELECT count(*) FROM redemptions WHERE bucket BETWEEN 0 AND 63 AND offer_id = e.offer_id)
       + (SELECT CAST(coalesce(sum(redeemed), 0) AS bigint) FROM delivery_totals WHERE offer_id = e.offer_id)
FROM {_ROWS} ON CONFLICT DO NOTHING
"""  # noqa: S608
CREATE: Final = """
INSERT INTO offer_budgets (offer_id, deliveries_total, deliveries_available, redemptions_total,
                           per_day, day_available, per_week, week_available, time_zone)
SELECT offer_id, deliveries, deliveries, redemptions, per_day, per_day, per_week, per_week, time_zone
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(
    offer_id bigint, deliveries integer, redemptions integer, per_day integer, per_week integer,
    time_zone text)
"""
