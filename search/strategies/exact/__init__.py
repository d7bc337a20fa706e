"""Proposes with costs that are known before training. A Gaussian process predicts the error alone."""
