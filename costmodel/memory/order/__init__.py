"""Finds the order of operators that needs the fewest live bytes."""
