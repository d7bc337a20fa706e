"""Proposes as SpArSe does: Gaussian processes for all objectives, and random Tchebychev scalarisations."""
