"""The values that a memory plan is made of: buffers, steps, streams, contracts of kernels, levers."""
