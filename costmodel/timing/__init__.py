"""Cycles: an execution profile priced for a core."""
