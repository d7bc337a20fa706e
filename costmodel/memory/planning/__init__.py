"""Joins order, placement and streams into one plan, and explains a finished plan."""
