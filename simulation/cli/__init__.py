"""Defines the commands `analyze`, `simulate` and `export`, and prints their results."""
