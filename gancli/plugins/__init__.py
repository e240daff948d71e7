"""Plugins: hook specifications, discovery, source locations of faults, and names of earlier versions."""
