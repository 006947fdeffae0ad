"""Customers and their devices: registration, joining, tokens, consents and what a withdrawal undoes.

Every writer here locks the customer first. What a recorded answer allows is `offers.consent`.
"""
