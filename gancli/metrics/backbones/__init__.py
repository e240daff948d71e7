"""Feature extractors that metrics use: a classifier, Inception, LPIPS, and their selection."""
