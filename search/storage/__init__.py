"""Keeps studies as studies of Optuna, in a database that any number of workers share, and the files of their trials."""
