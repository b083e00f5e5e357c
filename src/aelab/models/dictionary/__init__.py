"""Sparse dictionaries."""
