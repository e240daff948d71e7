"""Networks and layers that families share."""
