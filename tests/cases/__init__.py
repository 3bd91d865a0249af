"""A resource and what was seen (recorded on lab machines) against the change that follows."""
