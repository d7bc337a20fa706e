"""Counts executed blocks and turns them into an execution profile."""
