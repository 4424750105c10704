"""Words that all stages share; no Flask."""
