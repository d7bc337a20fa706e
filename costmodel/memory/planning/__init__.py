"""Joins order, placement and streams to one plan, and explains a finished plan."""
