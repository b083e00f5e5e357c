"""What data of signals are made of: series, their windows, and what a file or a rule gives."""
