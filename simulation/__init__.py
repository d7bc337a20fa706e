"""Makes firmware of models, runs it on emulated cores, and compares it with an integer reference."""
