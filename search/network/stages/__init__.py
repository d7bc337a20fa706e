"""Turns an architecture into a trained network, and that into a quantised one."""
