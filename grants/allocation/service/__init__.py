"""Share the pot, decide, announce, correct. The only writer of runs, decisions, meetings and corrections."""
