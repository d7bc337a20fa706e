"""The answer of a search: its Pareto front and the picture of it."""
