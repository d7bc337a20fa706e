"""Compilers that turn sources into an ELF."""
