"""SRResNet and SRGAN, super-resolution (Ledig et al. 2017), as a gancli plugin."""
