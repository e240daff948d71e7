"""Files of weights: downloads, the sandbox for foreign files, safetensors, weight mappings."""
