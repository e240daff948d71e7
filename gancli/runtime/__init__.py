"""Device, random streams, memory and threads."""
