"""Turns one candidate into objectives."""
