"""The bodies of the commands, one module each; these may import torch."""
