"""What a proposal is, pure: its life, what it says, what it lacks, and what goes with it."""
