"""The bank of what communities say."""
