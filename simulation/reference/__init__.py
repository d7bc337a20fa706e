"""The integer reference: what the operators mean, executed in numpy, bit for bit."""

from sparse_mcu.simulation.reference.run import run_batch, run_operator, run_reference, trace_reference

__all__ = ["run_batch", "run_operator", "run_reference", "trace_reference"]
