"""Where a customer's rows are. Its own module: whoever locks customers, and what that sets off, share it."""

from typing import NamedTuple
from uuid import UUID


class CustomerKey(NamedTuple):
    """Where a customer's rows are. Sorts in the order in which customers are locked."""

    bucket: int
    customer_id: UUID
