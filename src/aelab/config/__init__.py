"""What a config may say: checked whole before anything is begun."""
