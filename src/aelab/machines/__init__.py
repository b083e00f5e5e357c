"""Processes and signals of one machine."""
