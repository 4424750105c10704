"""The meeting at which the panel goes through what the votes say, bid by bid, with its minutes."""
