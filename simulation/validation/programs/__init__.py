"""Builds public benchmark programs from their sources, and runs them in the embedded engine."""
