"""A table of small trained networks, and a search problem made of it, so that strategies are compared in minutes.

`python -m sparse_mcu.benchmarks.tabular --help` makes the table. docs/benchmark-table.md says what is in it.
"""
