"""Sparse codes."""
