"""The generative adversarial network of Goodfellow et al. 2014, as a gancli plugin."""
