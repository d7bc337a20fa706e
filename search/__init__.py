"""Searches for networks that cost little on a board (SpArSe): candidates, training, objectives, strategy, studies."""
