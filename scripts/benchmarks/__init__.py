"""The parts of `scripts/benchmark.py`, one subject each."""
