"""Paying for parking: zones and their tariffs, plates and permits, quotes, stays, and what drivers are asked."""
