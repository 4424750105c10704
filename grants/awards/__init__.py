"""Offer, agreement and instalments."""
