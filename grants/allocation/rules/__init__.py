"""The rules that share the pot: pure, exact, explained."""
