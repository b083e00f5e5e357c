"""What a run's directory holds."""
