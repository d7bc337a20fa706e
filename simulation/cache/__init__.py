"""Keeps results between runs: objects and runs by content, tools by version."""
