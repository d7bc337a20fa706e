"""Trains the rivals that the paper compares itself with, on the same images, and says how large they are."""
