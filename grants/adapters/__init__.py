"""The outside world behind the ports; the memory doubles serve local runs and tests."""
