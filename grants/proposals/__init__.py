"""The ask: draft, second sign-off, submission, screening."""
