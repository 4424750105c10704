"""The roll, sealed envelopes in, one tally out."""
