"""Finds an offset for each buffer, so that the arena is as small as possible."""
