"""Theory of operation."""
