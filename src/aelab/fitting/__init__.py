"""A run's life: prepared, fitted, tested, recorded; its replicas and their decomposition."""
