"""Measurements behind docs/performance.md: ``python scripts/benchmark.py``."""
