"""Data sources, one file each; `builtin.py` lists them and `config.py` has their options."""
