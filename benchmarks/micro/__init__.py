"""Micro-benchmarks of what an event goes through, under pytest-benchmark."""
