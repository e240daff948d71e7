"""Terminal output: the live view of a training run, its panel, and tables."""
