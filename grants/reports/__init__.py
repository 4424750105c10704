"""What changed: outcome reports, measures, stories."""
