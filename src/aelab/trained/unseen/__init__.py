"""Examples that a run was not trained on, read as its own were, piece by piece."""
