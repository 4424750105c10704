"""Statements, the trail and the public register: reads only."""
