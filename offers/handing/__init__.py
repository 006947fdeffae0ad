"""What is handed to people: nearby, inbox, live stream, reports of it, "why this?", redemption."""
