"""Stores the settings and the trials of a search, so that they survive the end of the process."""
