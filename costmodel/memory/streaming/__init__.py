"""Streamed execution: stretches of a graph computed some rows at a time."""

from sparse_mcu.costmodel.memory.streaming.build import StageContracts, Streams, build_stream

__all__ = ["StageContracts", "Streams", "build_stream"]
