"""The steps from an untrained network to a quantised one."""
