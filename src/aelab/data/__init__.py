"""Data sets behind one LightningDataModule."""
