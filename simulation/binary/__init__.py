"""Reads linked firmware: sections, instructions, the stack bound, the instruction-set check."""
