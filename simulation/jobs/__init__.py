"""Simulates many models, in this process or in a pool."""
