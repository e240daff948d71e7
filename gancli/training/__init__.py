"""Training: the trainer, its players, stages, validation, collapse detection, previews, callbacks."""
