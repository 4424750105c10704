"""Whole journeys through the pages, each step as the person who does it."""
