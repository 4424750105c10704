"""What the community agreed to act on and owns."""
