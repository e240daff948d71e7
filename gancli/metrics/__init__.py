"""Metrics, one file each, named as the metric is; `builtin.py` lists them."""
