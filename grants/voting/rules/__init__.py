"""What a ballot is, and how it is sealed."""
