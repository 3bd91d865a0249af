"""The vocabulary: commands, resources, plans, facts, events and reports, as values."""
