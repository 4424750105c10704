"""What is to leave after the commit, and the relay that sends it."""
