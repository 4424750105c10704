"""The pages of a proposal."""
