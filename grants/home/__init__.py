"""Each person's first page: what needs me now. Reads only."""
