"""The metrics that gancli itself brings, as a plugin like any other. Imports nothing heavy."""

from __future__ import annotations

from gancli.hookspecs import MetricInfo, hookimpl

METRICS = (
    MetricInfo(
        name="auroc",
        summary="how well scores tell images of other classes from those of training",
        needs=("detect", "image"),
        metric="gancli.metrics.auroc:measure",
    ),
    MetricInfo(
        name="distinct",
        summary="share of samples that no other sample repeats",
        needs=("sample", "image"),
        metric="gancli.metrics.distinct:measure",
    ),
    MetricInfo(
        name="feature_svm",
        summary="accuracy of a linear SVM on the discriminator's features",
        needs=("discriminate", "image"),
        metric="gancli.metrics.feature_svm:measure",
    ),
    MetricInfo(
        name="modes",
        summary="modes of a known mixture that samples cover",
        needs=("sample", "points"),
        metric="gancli.metrics.sampling:modes",
    ),
    MetricInfo(
        name="ms_ssim",
        summary="how alike random pairs of samples are",
        needs=("sample", "image"),
        metric="gancli.metrics.sampling:ms_ssim",
    ),
    MetricInfo(
        name="parzen",
        summary="log-likelihood of test images under Parzen windows on samples",
        needs=("sample", "image"),
        metric="gancli.metrics.sampling:parzen",
    ),
    MetricInfo(
        name="psnr",
        summary="peak signal-to-noise ratio of upscaled images, in dB",
        needs=("upscale", "image"),
        metric="gancli.metrics.upscaling:psnr",
    ),
    MetricInfo(
        name="ssim",
        summary="structural similarity of upscaled images to the true ones",
        needs=("upscale", "image"),
        metric="gancli.metrics.upscaling:ssim",
    ),
    MetricInfo(
        name="swd",
        summary="sliced Wasserstein distance between patches of samples and of training images",
        needs=("sample", "image"),
        metric="gancli.metrics.sampling:swd",
    ),
)


@hookimpl
def gan_metrics() -> list[MetricInfo]:
    return list(METRICS)
