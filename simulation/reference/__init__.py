"""Executes the operators in numpy, bit for bit: the integer reference, which defines what they mean."""

from sparse_mcu.simulation.reference.run import run_batch, run_operator, run_reference, trace_reference

__all__ = ["run_batch", "run_operator", "run_reference", "trace_reference"]
