"""The report of a comparison, as a page and in W&B."""
