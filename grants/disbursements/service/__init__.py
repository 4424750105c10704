"""What is done to pay groups: one function, one use case, one transaction."""
