"""Proposals as pages and later stages read them."""
