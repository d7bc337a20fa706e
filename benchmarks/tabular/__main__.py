"""Runs the commands of the table."""

from sparse_mcu.benchmarks.tabular.cli import main

if __name__ == "__main__":
    main()
