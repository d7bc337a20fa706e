"""Firmware, toolchains, engines, and the integer reference they must equal."""
