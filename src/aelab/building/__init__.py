"""Config to data, model and trainer, and the one recipe by which anything is fitted."""
