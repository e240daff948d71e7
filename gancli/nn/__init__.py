"""Networks and layers that families share. Names are imported on first use.

Functions with the same name as their module are imported from it: `gancli.nn.imresize.imresize` and
`gancli.nn.patch_discriminator.patch_discriminator`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancli.plugins.lazy_names import lazy_names

if TYPE_CHECKING:
    from gancli.nn.dcgan import InstanceNoise as InstanceNoise
    from gancli.nn.dcgan import initialise_normal as initialise_normal
    from gancli.nn.dcgan import strided_discriminator as strided_discriminator
    from gancli.nn.dcgan import strided_generator as strided_generator
    from gancli.nn.image_buffer import HistoryBuffer as HistoryBuffer
    from gancli.nn.image_buffer import ImagePool as ImagePool
    from gancli.nn.imresize import degrade as degrade
    from gancli.nn.layers import Maxout as Maxout
    from gancli.nn.layers import Residual as Residual
    from gancli.nn.layers import ToUnitRange as ToUnitRange
    from gancli.nn.layers import UnitSigmoid as UnitSigmoid
    from gancli.nn.layers import make_norm as make_norm
    from gancli.nn.mlp import mlp_discriminator as mlp_discriminator
    from gancli.nn.mlp import mlp_generator as mlp_generator
    from gancli.nn.progressive import EqualizedConv2d as EqualizedConv2d
    from gancli.nn.progressive import EqualizedLinear as EqualizedLinear
    from gancli.nn.progressive import EqualizedUpConv2d as EqualizedUpConv2d
    from gancli.nn.progressive import MinibatchStddev as MinibatchStddev
    from gancli.nn.progressive import PixelNorm as PixelNorm
    from gancli.nn.residual import residual_generator as residual_generator
    from gancli.nn.super_resolution import vgg_discriminator as vgg_discriminator
    from gancli.nn.unet import UNet as UNet
    from gancli.nn.unet import unet_levels as unet_levels
    from gancli.nn.vgg import FeatureNetwork as FeatureNetwork
    from gancli.nn.vgg import find_weights as find_weights

__getattr__, __all__ = lazy_names(
    __name__,
    {
        "gancli.nn.dcgan": ("InstanceNoise", "initialise_normal", "strided_discriminator", "strided_generator"),
        "gancli.nn.image_buffer": ("HistoryBuffer", "ImagePool"),
        "gancli.nn.imresize": ("degrade",),
        "gancli.nn.layers": ("Maxout", "Residual", "ToUnitRange", "UnitSigmoid", "make_norm"),
        "gancli.nn.mlp": ("mlp_discriminator", "mlp_generator"),
        "gancli.nn.progressive": (
            *("EqualizedConv2d", "EqualizedLinear", "EqualizedUpConv2d", "MinibatchStddev", "PixelNorm"),
        ),
        "gancli.nn.residual": ("residual_generator",),
        "gancli.nn.super_resolution": ("vgg_discriminator",),
        "gancli.nn.unet": ("UNet", "unet_levels"),
        "gancli.nn.vgg": ("FeatureNetwork", "find_weights"),
    },
)
