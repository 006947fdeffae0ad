"""Paying for parking: zones, tariffs, plates and permits, quotes, stays, and what drivers are asked."""
