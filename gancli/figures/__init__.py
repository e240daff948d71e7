"""Figures of a run: sample grids, heat maps, growth of a network, metric curves, toy distributions."""
