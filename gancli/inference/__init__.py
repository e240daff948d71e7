"""Use of a trained model: sampling, translation, upscaling, anomaly detection, inversion."""
