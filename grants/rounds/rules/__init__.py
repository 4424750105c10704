"""What a round is, pure: its life, its dates, and the rule-book that is frozen before anybody applies."""
