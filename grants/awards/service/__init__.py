"""What is done with awards: one function, one use case, one transaction."""
