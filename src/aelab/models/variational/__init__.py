"""Codes that are distributions."""
