"""Bank runs for a finance office, bank statements, and what of them matches the books."""
