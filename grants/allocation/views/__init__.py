"""The pages of sharing the pot: the desk, and the results for everybody."""
