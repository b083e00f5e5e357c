"""Which objects a config may name."""
