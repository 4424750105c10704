"""What is done to a proposal."""
