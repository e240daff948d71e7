"""The Wasserstein GAN with gradient penalty of Gulrajani et al. 2017, as a gancli plugin."""
