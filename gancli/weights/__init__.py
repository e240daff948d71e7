"""Files of weights: read without executing anything, fetched once, and known by their SHA-256."""
