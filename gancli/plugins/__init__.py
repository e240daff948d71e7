"""Plugins: hook specifications, discovery, and faults of broken plugins."""
