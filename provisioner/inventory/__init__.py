"""What the user asked for: read, checked, fully merged, frozen."""
