"""The inventory: read, checked, fully merged, frozen."""
