"""Hubbub and its peers under one load: `python -m benchmarks`."""
