"""What a config may say and name: checked whole before anything is begun."""
