"""Inspection of trained networks: filters, guided backpropagation, activations."""
