"""Funders, contributions, restrictions: the shared pot."""
