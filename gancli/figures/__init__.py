"""Figures of a run: image grids, metric curves, distributions of toy data."""
