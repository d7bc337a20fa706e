"""Chooses kernels and plans memory together: what each kernel costs, and which ones the memory allows."""
