"""The pages of people and groups, and of the second step when signing in."""
