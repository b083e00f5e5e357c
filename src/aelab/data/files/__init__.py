"""Where data sets come from, and how their files are read."""
