"""Starts child processes that end with this one, and runs jobs in a pool of workers."""
