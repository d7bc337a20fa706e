"""Writes a model as C sources for other projects."""
