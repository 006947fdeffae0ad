"""Paying for parking: zones and their tariffs, plates, quotes and sessions."""
