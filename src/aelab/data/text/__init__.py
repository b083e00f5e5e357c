"""Text as symbols."""
