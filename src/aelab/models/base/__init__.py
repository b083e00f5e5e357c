"""What all variants share."""
