"""Run directories: checkpoints, manifests, groups of runs, the log of evaluations."""
