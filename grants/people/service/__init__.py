"""What happens to people and groups, and to the second step when they sign in."""
