"""What people type into proposals, as forms."""
