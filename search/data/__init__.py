"""Loads images with their classes, and splits them."""
