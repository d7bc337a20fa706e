"""The command `search` and what it prints."""
