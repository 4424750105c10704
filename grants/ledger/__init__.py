"""Double entry: append-only, integer pence, every entry balanced."""
