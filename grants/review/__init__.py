"""The panel: assignment, interests, scores."""
