"""Answers `analyze`: lowers a model, builds it, and accounts for every byte of RAM and flash."""
