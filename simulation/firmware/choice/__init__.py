"""Chooses kernels and plan together: what each kernel costs, and which ones the memory allows."""
