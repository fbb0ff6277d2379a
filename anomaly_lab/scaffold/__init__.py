"""A detector of your own: a package to start from, and what it still lacks."""
