"""Whole pictures by way of a coder, and how they are shown."""
