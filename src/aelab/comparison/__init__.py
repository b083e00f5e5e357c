"""Finished runs side by side: table, curves, report, offline; imports neither torch nor Lightning."""
