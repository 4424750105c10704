"""Seedbed: participatory small grants for a place."""
