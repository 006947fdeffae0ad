"""The statements that compare and write many offers, made of the table's own columns.

A column that an offer gets is in them without being told again: the names are those of `OfferEdit`, the types
those of `offers.tables.OfferRow`. Each takes `:rows`, JSON of `OfferEdit.columns()` and `offer_id`.
"""

from typing import Final

from sqlalchemy.dialects import postgresql

from offers.retail.budgets import Budget
from offers.retail.offer_edits import OfferEdit
from offers.tables import OfferRow

_COLUMNS: Final = OfferEdit.__struct_fields__
_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own

_TYPED: Final = ", ".join(
    f"{name} {OfferRow.__table__.c[name].type.compile(dialect=_DIALECT)}" for name in _COLUMNS
)
_ROWS: Final = f"json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(offer_id bigint, {_TYPED})"
_CHANGED: Final = ", ".join(
    f"CASE WHEN o.{name} IS DISTINCT FROM e.{name} THEN '{name}' END" for name in _COLUMNS
)
# What `Budget` calls otherwise than the table.
_BUDGET: Final = {"deliveries": "deliveries_total", "redemptions": "redemptions_total"}
_BUDGETED: Final = ", ".join(f"b.{_BUDGET.get(name, name)} AS {name}" for name in Budget.__struct_fields__)

# The offers that are there, which columns of each differ, and its budget.
COMPARE: Final = f"""
SELECT o.offer_id, o.status, o.stopped_at IS NOT NULL AS is_stopped,
       array_remove(ARRAY[{_CHANGED}], NULL) AS changed, b.offer_id IS NOT NULL AS has_budget, {_BUDGETED}
FROM {_ROWS}
JOIN offers o USING (offer_id)
LEFT JOIN offer_budgets b ON b.offer_id = o.offer_id
"""  # noqa: S608 - joined from names of our own, here and below
# What somebody else made in the meantime is left alone, and not returned.
CREATE: Final = f"""
INSERT INTO offers (retailer_id, created_at, updated_at, {", ".join(_COLUMNS)})
SELECT :retailer_id, :now, :now, {", ".join(f"e.{name}" for name in _COLUMNS)} FROM {_ROWS}
ON CONFLICT (retailer_id, external_id) DO NOTHING
RETURNING external_id, offer_id
"""  # noqa: S608
EDIT: Final = f"""
UPDATE offers o SET {", ".join(f"{name} = e.{name}" for name in _COLUMNS)},
       revision = o.revision + 1, updated_at = :now
FROM {_ROWS} WHERE o.offer_id = e.offer_id
"""  # noqa: S608
