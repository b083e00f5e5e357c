"""Splits, orders and loaders."""
