"""Recipes: strict YAML, validation, overrides, error messages, JSON Schema, bundled recipes."""
