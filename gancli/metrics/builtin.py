"""The built-in metrics, registered as a plugin. Imports no heavy modules."""

from __future__ import annotations

from gancli.plugins.hookspecs import MetricInfo, hookimpl

METRICS = (
    MetricInfo(
        name="auroc",
        summary="AUROC of anomaly scores: classes that were not trained on against classes that were",
        needs=("detect", "image"),
        metric="gancli.metrics.auroc:measure",
        better="higher",
    ),
    MetricInfo(
        name="distinct",
        summary="share of samples that no other sample repeats",
        needs=("sample", "image"),
        metric="gancli.metrics.diversity:measure",
        better="higher",
    ),
    MetricInfo(
        name="fd",
        summary="Fréchet distance between features of samples and of training images",
        needs=("sample", "image"),
        metric="gancli.metrics.fd:measure",
        better="lower",
    ),
    MetricInfo(
        name="feature_svm",
        summary="accuracy of a linear SVM on the discriminator's features",
        needs=("discriminate", "image"),
        metric="gancli.metrics.linear_probe:measure",
        better="higher",
    ),
    MetricInfo(
        name="inception_score",
        summary="confidence and diversity of a classifier's predictions for samples",
        needs=("sample", "image"),
        metric="gancli.metrics.inception_score:measure",
        better="higher",
    ),
    MetricInfo(
        name="kid",
        summary="unbiased kernel distance between features of samples and of training images",
        needs=("sample", "image"),
        metric="gancli.metrics.kid:measure",
        better="lower",
    ),
    MetricInfo(
        name="label_accuracy",
        summary="share of samples that a classifier predicts as the requested label",
        needs=("sample", "label", "image"),
        metric="gancli.metrics.inception_score:label_accuracy",
        better="higher",
    ),
    MetricInfo(
        name="lpips",
        summary="distance of upscaled images to the true ones in features of a network",
        needs=("upscale", "image"),
        metric="gancli.metrics.lpips:measure",
        better="lower",
    ),
    MetricInfo(
        name="modes",
        summary="number of modes of a known mixture that samples cover",
        needs=("sample", "points"),
        metric="gancli.metrics.modes:measure",
        better="higher",
    ),
    MetricInfo(
        name="ms_ssim",
        summary="similarity of random pairs of samples",
        needs=("sample", "image"),
        metric="gancli.metrics.ms_ssim:measure",
    ),
    MetricInfo(
        name="neighbours",
        summary="distance of samples to the nearest training images, with an image of the nearest",
        needs=("sample", "image"),
        metric="gancli.metrics.neighbours:measure",
    ),
    MetricInfo(
        name="parzen",
        summary="log-likelihood of test images under Parzen windows on samples",
        needs=("sample", "image"),
        metric="gancli.metrics.parzen:measure",
        better="higher",
    ),
    MetricInfo(
        name="prdc",
        summary="precision, recall, density and coverage of samples in feature space",
        needs=("sample", "image"),
        metric="gancli.metrics.prdc:measure",
    ),
    MetricInfo(
        name="psnr",
        summary="peak signal-to-noise ratio of upscaled images, in dB",
        needs=("upscale", "image"),
        metric="gancli.metrics.super_resolution:measure_psnr",
        better="higher",
    ),
    MetricInfo(
        name="ssim",
        summary="structural similarity of upscaled images to the true ones",
        needs=("upscale", "image"),
        metric="gancli.metrics.super_resolution:measure_ssim",
        better="higher",
    ),
    MetricInfo(
        name="swd",
        summary="sliced Wasserstein distance between patches of samples and of training images",
        needs=("sample", "image"),
        metric="gancli.metrics.swd:measure",
        better="lower",
    ),
)


@hookimpl
def gan_metrics() -> list[MetricInfo]:
    return list(METRICS)
