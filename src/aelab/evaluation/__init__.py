"""What a code is good for: pure functions, always beside a PCA baseline."""
