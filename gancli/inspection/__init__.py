"""Looking into trained networks: what their layers answer, and to what."""
