"""What is done with the pot and its contributions: one function, one use case, one transaction."""
