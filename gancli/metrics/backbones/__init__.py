"""The networks whose features metrics compare."""
