"""Anomaly detection with GANs, ADGAN of Deecke et al. 2018 and AnoGAN of Schlegl et al. 2017, as a gancli plugin."""
