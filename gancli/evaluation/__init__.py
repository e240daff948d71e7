"""Evaluation of a trained model: running metrics, reference data, protocols, statistics over seeds."""
