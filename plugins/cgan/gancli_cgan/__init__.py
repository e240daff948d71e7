"""The conditional GAN of Mirza and Osindero 2014, as a gancli plugin."""
