"""Simulates the memories between a core and its flash, inside the embedded engine."""
