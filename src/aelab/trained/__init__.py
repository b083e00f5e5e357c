"""A finished run given back: its model on arrays, its export, its evaluations."""
