"""The main path: a fix becomes an offer, many at a time, in one transaction.

`Engine` is all that the edge needs. Inside: `batcher` (who is next) → `flush` (the transaction) →
`loading` (locks, then reads) → `following` (crossings) → `deciding` (offers) → `writing`; beside
them `snapshot` (configuration in memory), `leases` (budgets) and `sweeper` (what time brings).
"""

from offers.engine.engine import Engine

__all__ = ["Engine"]
