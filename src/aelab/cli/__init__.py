"""The programs a user starts: messages, exit status, and the gate before a run's directory."""
