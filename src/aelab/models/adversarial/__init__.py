"""Two players that learn against one another."""
