"""Suites, baselines and validation against hardware."""
