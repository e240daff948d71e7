"""The metrics that gancli itself brings, as a plugin like any other. Imports nothing heavy."""

from __future__ import annotations

from gancli.plugins.hookspecs import MetricInfo, hookimpl

METRICS = (
    MetricInfo(
        name="auroc",
        summary="how well scores tell images of other classes from those of training",
        needs=("detect", "image"),
        metric="gancli.metrics.anomaly:measure",
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
        metric="gancli.metrics.feature_metrics:fd",
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
        summary="how surely a classifier names samples, and how many classes they cover",
        needs=("sample", "image"),
        metric="gancli.metrics.feature_metrics:inception_score",
        better="higher",
    ),
    MetricInfo(
        name="kid",
        summary="unbiased kernel distance between features of samples and of training images",
        needs=("sample", "image"),
        metric="gancli.metrics.feature_metrics:kid",
        better="lower",
    ),
    MetricInfo(
        name="label_accuracy",
        summary="share of samples in which a classifier sees the label that was asked for",
        needs=("sample", "label", "image"),
        metric="gancli.metrics.label_accuracy:measure",
        better="higher",
    ),
    MetricInfo(
        name="lpips",
        summary="distance of upscaled images from the true ones in a network's features",
        needs=("upscale", "image"),
        metric="gancli.metrics.super_resolution:lpips",
        better="lower",
    ),
    MetricInfo(
        name="modes",
        summary="modes of a known mixture that samples cover",
        needs=("sample", "points"),
        metric="gancli.metrics.sample_metrics:modes",
        better="higher",
    ),
    MetricInfo(
        name="ms_ssim",
        summary="how alike random pairs of samples are",
        needs=("sample", "image"),
        metric="gancli.metrics.sample_metrics:ms_ssim",
    ),
    MetricInfo(
        name="neighbours",
        summary="how near samples come to training images, with a picture of the nearest",
        needs=("sample", "image"),
        metric="gancli.metrics.neighbours:measure",
    ),
    MetricInfo(
        name="parzen",
        summary="log-likelihood of test images under Parzen windows on samples",
        needs=("sample", "image"),
        metric="gancli.metrics.sample_metrics:parzen",
        better="higher",
    ),
    MetricInfo(
        name="prdc",
        summary="precision, recall, density and coverage of samples in features",
        needs=("sample", "image"),
        metric="gancli.metrics.feature_metrics:prdc",
    ),
    MetricInfo(
        name="psnr",
        summary="peak signal-to-noise ratio of upscaled images, in dB",
        needs=("upscale", "image"),
        metric="gancli.metrics.super_resolution:psnr",
        better="higher",
    ),
    MetricInfo(
        name="ssim",
        summary="structural similarity of upscaled images to the true ones",
        needs=("upscale", "image"),
        metric="gancli.metrics.super_resolution:ssim",
        better="higher",
    ),
    MetricInfo(
        name="swd",
        summary="sliced Wasserstein distance between patches of samples and of training images",
        needs=("sample", "image"),
        metric="gancli.metrics.sample_metrics:swd",
        better="lower",
    ),
)


@hookimpl
def gan_metrics() -> list[MetricInfo]:
    return list(METRICS)
