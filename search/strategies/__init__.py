"""Decides what to try next."""
