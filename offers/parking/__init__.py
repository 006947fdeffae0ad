"""Paying for parking: zones and their tariffs, stays, and what drivers are asked about them."""
