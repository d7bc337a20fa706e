"""Answers `simulate`: runs a built model and checks its outputs."""
