"""The data sources of gancli, as a plugin. Imports neither NumPy nor torch."""

from __future__ import annotations

from gancli.plugins.hookspecs import DatasetInfo, hookimpl

_LABELLED = ("image", "label")

_PAIRED = ("source", "target")

_UNPAIRED = ("a", "b")

_IDX = {
    "mnist": "70,000 handwritten digits, 28x28 grey",
    "fashion-mnist": "70,000 images of clothing, 28x28 grey",
    "kmnist": "70,000 cursive Japanese characters, 28x28 grey",
}

_CIFAR = {
    "cifar10": "60,000 photographs of 10 classes, 32x32 colour",
    "cifar100": "60,000 photographs of 100 classes, 32x32 colour",
}

_TORCHVISION = {
    "svhn": "99,289 digits of house numbers, 32x32 colour",
    "usps": "9,298 handwritten digits, 16x16 grey",
    "semeion": "1,593 handwritten digits, 16x16 grey",
    "omniglot": "32,460 characters of 50 alphabets, 105x105 grey",
    "stl10": "13,000 photographs of 10 classes, 96x96 colour",
    "celeba": "202,599 faces, 218x178 colour",
    "eurosat": "27,000 satellite images of 10 land-use classes, 64x64 colour",
    "flowers102": "8,189 flowers of 102 species, many sizes",
    "food101": "101,000 dishes of 101 classes, many sizes",
    "dtd": "5,640 textures of 47 classes, many sizes",
    "gtsrb": "39,270 traffic signs of 43 classes, many sizes",
    "oxford-iiit-pet": "7,349 cats and dogs of 37 breeds, many sizes",
    "fgvc-aircraft": "10,000 aircraft of 100 types, many sizes",
    "country211": "63,300 photographs from 211 countries, many sizes",
    "rendered-sst2": "9,613 images of sentences, 448x448 colour",
    "sun397": "108,754 scenes of 397 classes, many sizes",
    "caltech101": "8,677 objects of 101 classes, many sizes",
    "caltech256": "30,607 objects of 257 classes, many sizes",
    "imagenette": "13,394 photographs of 10 classes, many sizes",
}

_UNLABELLED = ("celeba", "omniglot")


@hookimpl
def gan_datasets() -> list[DatasetInfo]:
    """List bundled sources first, then the user's own images, then downloads."""
    return [
        _info("digits", "1,797 handwritten digits, 8x8 grey", "digits:DigitsSource", "DigitsConfig", needs=""),
        _info(
            "photo-patches",
            "patches of two photographs, 427x640 colour",
            "photos:PhotoPatchesSource",
            "PhotoPatchesConfig",
            needs="",
            aliases=("photos",),
        ),
        _info(
            "photo-crops",
            "random crops of two photographs, or of those in data.root, of any sizes",
            "photos:PhotoCropsSource",
            "PhotoCropsConfig",
            needs="",
            yields=("image",),
            aliases=("photographs",),
        ),
        _info(
            "points",
            "points with a known density, on a line or in the plane",
            "points:PointsSource",
            "PointsConfig",
            needs="",
        ),
        *_bundled_pairs_and_domains(),
        *_user_images(),
        *(_info(name, summary, "idx:IdxSource") for name, summary in _IDX.items()),
        _info("emnist", "131,600 letters and digits, or data.variant, 28x28 grey", "idx:IdxSource", "EmnistConfig"),
        *(_info(name, summary, "cifar:CifarSource") for name, summary in _CIFAR.items()),
        *(
            _info(
                name,
                summary,
                "torchvision:TorchvisionSource",
                yields=("image",) if name in _UNLABELLED else _LABELLED,
            )
            for name, summary in _TORCHVISION.items()
        ),
        _info("lsun", "millions of scenes and objects, many sizes", "lsun:LsunSource", "LsunConfig", needs="files"),
    ]


def _user_images() -> list[DatasetInfo]:
    return [
        _info(
            "folder",
            "your images in data.root; one subfolder for each label, or none",
            "folder:FolderSource",
            "FolderConfig",
            needs="files",
        ),
        _info(
            "paired",
            "your pairs of images: two folders with equal file names, or pairs side by side",
            "paired:PairedSource",
            "PairedConfig",
            needs="files",
            yields=_PAIRED,
        ),
        _info(
            "unpaired",
            "your images of two domains, one folder each, without pairs",
            "unpaired:UnpairedSource",
            "UnpairedConfig",
            needs="files",
            yields=_UNPAIRED,
        ),
        _info(
            "attributes",
            "your images, and a table of their attributes",
            "attributes:AttributesSource",
            "AttributesConfig",
            needs="files",
            yields=("image", "attributes"),
        ),
        _info(
            "concat",
            "several sources with labels or attributes as one dataset",
            "concat:ConcatSource",
            "ConcatConfig",
            needs="files",
            yields=("image", "attributes", "dataset"),
            aliases=("joined",),
        ),
    ]


def _bundled_pairs_and_domains() -> list[DatasetInfo]:
    return [
        _info(
            "photo-pairs",
            "outlines or brightness of patches of two photographs, and the patches",
            "photos:PhotoPairsSource",
            "PhotoPairsConfig",
            needs="",
            yields=_PAIRED,
        ),
        _info(
            "digit-domains",
            "handwritten digits, and others, inverted and optionally blurred",
            "digits:DigitDomainsSource",
            "DigitDomainsConfig",
            needs="",
            yields=_UNPAIRED,
        ),
        _info(
            "font-digits",
            "digits rendered in a font, and handwritten ones",
            "digits:FontDigitsSource",
            "FontDigitsConfig",
            needs="",
            yields=_UNPAIRED,
        ),
        _info(
            "coloured-digits",
            "handwritten digits in 2 to 6 colours, which are their labels",
            "digits:ColouredDigitsSource",
            "ColouredDigitsConfig",
            needs="",
        ),
    ]


def _info(
    name: str,
    summary: str,
    source: str,
    config: str = "DownloadConfig",
    *,
    needs: str = "download",
    yields: tuple[str, ...] = _LABELLED,
    aliases: tuple[str, ...] = (),
) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        summary=summary,
        yields=yields,
        needs=needs,
        source=f"gancli.data.sources.{source}",
        config=f"gancli.data.sources.config:{config}",
        aliases=aliases,
    )
