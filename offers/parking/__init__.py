"""Paying for parking: zones and their tariffs, plates and permits, stays, and what drivers are asked."""
