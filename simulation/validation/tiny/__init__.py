"""Runs published firmware images of MLPerf Tiny as they are, on stubbed peripherals."""
