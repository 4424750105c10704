"""Whom we pay: bank accounts, and what must be known of a group before money leaves."""
