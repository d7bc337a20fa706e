"""Boards and cores as data files, each figure with its source."""
