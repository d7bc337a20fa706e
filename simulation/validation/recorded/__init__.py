"""Holds what programs executed, as counts and kinds of instructions, so that they can be priced again without them."""
