"""What a search knows so far, stored so that it survives."""
