"""Accounts, sign-in, roles, groups and their hosts."""
