"""The vocabulary: commands, facts, plans, reports."""
