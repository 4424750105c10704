"""One call against a fund: dates, terms, the frozen rule-book."""
