"""StarGAN, image-to-image translation between many domains (Choi et al. 2018), as a gancli plugin."""
