"""Measures kernels, planners, streams, golden networks and wall times."""
