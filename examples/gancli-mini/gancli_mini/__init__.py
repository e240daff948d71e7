"""The shortest GAN family that gancli takes."""
