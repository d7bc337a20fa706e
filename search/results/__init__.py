"""Reports the result of a search: its Pareto front, the test errors and a picture."""
