"""Code that several commands share: opening models, input images, latent files, reference data, pages of images."""
