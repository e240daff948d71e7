"""The least squares GAN of Mao et al. 2017, as a gancli plugin."""
