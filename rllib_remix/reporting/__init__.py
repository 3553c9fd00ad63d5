"""Statistics, curves and pictures of finished runs."""
