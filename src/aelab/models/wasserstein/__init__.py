"""Codes that are matched to a prior as a whole, not one by one."""
