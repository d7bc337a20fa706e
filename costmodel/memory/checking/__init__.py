"""Independent checks of finished plans; they share no code with the solvers."""
