"""The data sources that gancli itself brings, as a plugin like any other. Imports nothing heavy."""

from __future__ import annotations

from gancli.plugins.hookspecs import DatasetInfo, hookimpl

_LABELLED = ("image", "label")

_PAIRED = ("source", "target")

_UNPAIRED = ("a", "b")

_IDX = {
    "mnist": "70,000 handwritten digits, 28x28 grey",
    "fashion-mnist": "70,000 pieces of clothing, 28x28 grey",
    "kmnist": "70,000 cursive Japanese characters, 28x28 grey",
}

_CIFAR = {
    "cifar10": "60,000 photographs of 10 kinds of things, 32x32 colour",
    "cifar100": "60,000 photographs of 100 kinds of things, 32x32 colour",
}

_TORCHVISION = {
    "svhn": "99,289 house numbers' digits, 32x32 colour",
    "usps": "9,298 handwritten digits, 16x16 grey",
    "semeion": "1,593 handwritten digits, 16x16 grey",
    "omniglot": "32,460 characters of 50 alphabets, 105x105 grey",
    "stl10": "13,000 photographs of 10 kinds of things, 96x96 colour",
    "celeba": "202,599 faces, 218x178 colour",
    "eurosat": "27,000 satellite images of 10 kinds of land, 64x64 colour",
    "flowers102": "8,189 flowers of 102 species, many sizes",
    "food101": "101,000 dishes of 101 kinds, many sizes",
    "dtd": "5,640 textures of 47 kinds, many sizes",
    "gtsrb": "39,270 traffic signs of 43 kinds, many sizes",
    "oxford-iiit-pet": "7,349 cats and dogs of 37 breeds, many sizes",
    "fgvc-aircraft": "10,000 aircraft of 100 types, many sizes",
    "country211": "63,300 photographs from 211 countries, many sizes",
    "rendered-sst2": "9,613 pictures of sentences, 448x448 colour",
    "sun397": "108,754 scenes of 397 kinds, many sizes",
    "caltech101": "8,677 things of 101 kinds, many sizes",
    "caltech256": "30,607 things of 257 kinds, many sizes",
    "imagenette": "13,394 photographs of 10 kinds of things, many sizes",
}

_UNLABELLED = ("celeba", "omniglot")


@hookimpl
def gan_datasets() -> list[DatasetInfo]:
    """Bundled sources first, then the user's own images, then downloads."""
    return [
        _info("digits", "1,797 handwritten digits, 8x8 grey", "digits:DigitsSource", "DigitsConfig", needs=""),
        _info("photos", "patches of two photographs, 427x640 colour", "photos:PhotosSource", "PhotosConfig", needs=""),
        _info(
            "photographs",
            "two photographs, or those in data.root, of any sizes, as they are",
            "photos:PhotographsSource",
            "PhotographsConfig",
            needs="",
            yields=("image",),
        ),
        _info(
            "points", "points of a known density, on a line or a plane", "points:PointsSource", "PointsConfig", needs=""
        ),
        *_bundled_for_translation(),
        *_your_own(),
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
        _info("lsun", "scenes and objects by the million, many sizes", "lsun:LsunSource", "LsunConfig", needs="files"),
    ]


def _your_own() -> list[DatasetInfo]:
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
            "your pairs of images: two folders of the same names, or two halves side by side",
            "paired:PairedSource",
            "PairedConfig",
            needs="files",
            yields=_PAIRED,
        ),
        _info(
            "unpaired",
            "your images of two domains, a folder each, without partners",
            "unpaired:UnpairedSource",
            "UnpairedConfig",
            needs="files",
            yields=_UNPAIRED,
        ),
        _info(
            "attributes",
            "your images, and a table of the attributes that each has",
            "attributes:AttributesSource",
            "AttributesConfig",
            needs="files",
            yields=("image", "attributes"),
        ),
        DatasetInfo(
            name="joined",
            summary="several sources with labels or attributes as one data set",
            yields=("image", "attributes", "dataset"),
            needs="files",
            source="gancli.data.sources.joined:JoinedSource",
            config="gancli.data.sources.joined_config:JoinedConfig",
        ),
    ]


def _bundled_for_translation() -> list[DatasetInfo]:
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
            "handwritten digits, and others inverted, or blurred too",
            "digits:DigitDomainsSource",
            "DigitDomainsConfig",
            needs="",
            yields=_UNPAIRED,
        ),
        _info(
            "font-digits",
            "digits drawn with a font, and handwritten ones",
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
) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        summary=summary,
        yields=yields,
        needs=needs,
        source=f"gancli.data.sources.{source}",
        config=f"gancli.data.sources.config:{config}",
    )
