"""Compares predictions with what was measured on hardware."""
