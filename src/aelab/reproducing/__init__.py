"""Paper-style experiments: the figures of a paper beside ours, from the manifests of the runs."""
