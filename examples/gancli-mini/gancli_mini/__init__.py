"""A minimal GAN family for gancli."""
