"""The pages of a vote."""
