"""A finished run given back: its model on arrays and frames, its export, its evaluations, its scores of new data."""
