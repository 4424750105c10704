"""Open a vote, hand out codes, know a voter, cast, count; on paper, in person and with help too."""
