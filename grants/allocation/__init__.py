"""Dividing the pot by a published rule, with a reason for everyone."""
