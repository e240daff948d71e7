"""The training engine that every family shares."""
