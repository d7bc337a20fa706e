"""Offers the command `search`, and prints its progress and its result."""
