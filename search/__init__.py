"""The SpArSe search: candidates, training, objectives, Bayesian optimisation, studies."""
