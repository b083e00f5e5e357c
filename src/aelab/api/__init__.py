"""What a notebook or a script calls instead of a command line; ``aelab.__all__`` names it."""
