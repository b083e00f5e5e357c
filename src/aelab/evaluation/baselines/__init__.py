"""What stands beside an autoencoder."""
