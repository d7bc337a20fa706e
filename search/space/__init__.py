"""Defines the networks that a search may try: configurations, their layers, and the moves between them."""
