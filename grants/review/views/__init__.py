"""Pages of the stage ``review``."""
