"""Codes of a finite number of values."""
