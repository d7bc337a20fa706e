"""The command `plan`, the memory options of other commands, and drawings of an arena."""
