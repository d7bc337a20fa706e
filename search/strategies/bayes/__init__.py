"""Proposes by Gaussian processes and random scalarisations (SpArSe)."""
