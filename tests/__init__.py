"""Tests, in folders named as the stages are."""
