"""Evaluates trials, in this process or in several, until the budget ends."""
