"""Prunes trained networks: one module for each method, and one step that they share, the tuning with zeros kept."""
