"""Accounts, the arithmetic of their numbers, papers that prove, and the checks of each tier."""
