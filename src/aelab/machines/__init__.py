"""Processes, signals, files and devices of one machine."""
