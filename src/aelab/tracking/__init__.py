"""Run identity, the manifest, W&B, comparison and the report."""
