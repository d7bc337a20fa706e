"""The commands `analyze`, `simulate` and `export`, and what they print."""
