"""Columns of tables as values."""
