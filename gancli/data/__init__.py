"""Training data: sources, packed byte arrays, and the loader that gathers batches.

A source (`source.py`, one file each under `sources/`) reads its images into byte arrays; `dataset.py` opens the `data:`
section of a recipe; `loader.py` gathers batches. `spec.py`, `sources/builtin.py` and `sources/config.py` import neither
NumPy nor torch.
"""
