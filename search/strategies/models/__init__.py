"""Predicts objectives of networks that were not tried."""
