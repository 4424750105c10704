"""Pages about money on its way: the desk, accounts, what comes back, and the pretend bank."""
