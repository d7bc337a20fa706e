"""Engines that run an ELF on an emulated core."""
