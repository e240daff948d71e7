"""Second input of the generator: the target labels and, with several datasets, the dataset that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.errors import UsageError, did_you_mean
from gancli.family import DataSpec

OFF = "not-"
"""Prefix of a domain without an attribute."""


@dataclass(frozen=True)
class Domain:
    """Target of a translation.

    Args:
        name: name for `gan translate --to`.
        part: index of the dataset of the label.
        column: column of the label in `attributes`.
        on: set the label; False: clear it.
    """

    name: str
    part: int
    column: int
    on: bool = True


class Conditions:
    """Labels of the data by dataset, and groups of attributes that exclude each other.

    Args:
        data: description of the data with its `known` labels.
        exclusive: names of the attributes of each group.

    Raises:
        UsageError: there are fewer than two domains, or a group contains an unknown attribute.
    """

    def __init__(self, data: DataSpec, exclusive: Sequence[Sequence[str]] = ()) -> None:
        self.parts = data.known
        starts = [sum(len(part.labels) for part in self.parts[:index]) for index in range(len(self.parts))]
        self.columns = [slice(start, start + len(part.labels)) for start, part in zip(starts, self.parts, strict=True)]
        names = [name for part in self.parts for name in part.labels]
        if len(names) < 2 and all(part.exclusive for part in self.parts):
            raise UsageError("stargan needs two labels or one attribute to translate; choose a dataset that has them")
        free = [name for part in self.parts if not part.exclusive for name in part.labels]
        for name in (name for group in exclusive for name in group):
            if name not in free:
                known = f"its attributes are {', '.join(free)}" if free else "its labels already exclude each other"
                hint = did_you_mean(name, free, known, cutoff=0.6)
                raise UsageError(f"model.exclusive: the data has no attribute {name!r}: {hint}")
        self.groups = [[names.index(name) for name in group] for group in exclusive]
        self.labels = len(names)

    @property
    def width(self) -> int:
        """Length of a condition: one number per label, and one per dataset if there are several."""
        return self.labels + (len(self.parts) if len(self.parts) > 1 else 0)

    def encode(self, attributes: Tensor, dataset: Tensor) -> Tensor:
        """Return conditions (N, width) for attributes (N, K) of datasets (N,); labels of other datasets are 0."""
        known = attributes * self._known(dataset)
        if len(self.parts) == 1:
            return known
        return torch.cat([known, F.one_hot(dataset, len(self.parts)).to(known)], dim=1)

    def cross_entropy(self, logits: Tensor, attributes: Tensor, dataset: Tensor) -> Tensor:
        """Return the cross entropy of the labels of each image's dataset, averaged over images.

        It is that of a softmax for labels that exclude each other, and the sum of binary ones for attributes.

        Args:
            logits: (N, K).
            attributes: (N, K).
            dataset: (N,).
        """
        total = logits.new_zeros(len(logits))
        for index, (part, columns) in enumerate(zip(self.parts, self.columns, strict=True)):
            predicted, target = logits[:, columns], attributes[:, columns]
            if part.exclusive:
                entropy = F.cross_entropy(predicted, target, reduction="none")
            else:
                entropy = F.binary_cross_entropy_with_logits(predicted, target, reduction="none").sum(1)
            total = total + entropy * (dataset == index)
        return total.mean()

    def domains(self) -> list[Domain]:
        """Return all target domains: every label, and the absence of every attribute that is in no group."""
        domains = []
        grouped = {column for group in self.groups for column in group}
        for index, part in enumerate(self.parts):
            for name, column in zip(part.labels, range(self.labels)[self.columns[index]], strict=True):
                domains.append(Domain(name, index, column))
                if not part.exclusive and column not in grouped:
                    domains.append(Domain(OFF + name, index, column, on=False))
        return domains

    def for_domain(self, domain: Domain, logits: Tensor) -> Tensor:
        """Return conditions (N, width) for translating images to a domain.

        Labels that exclude each other are replaced. An attribute is set in addition to those that the image has, with
        at most one of each group, and replaces the others of its group.

        Args:
            domain: one of `domains`.
            logits: logits (N, K) of the labels of the images.
        """
        part, columns = self.parts[domain.part], self.columns[domain.part]
        target = torch.zeros_like(logits)
        if not part.exclusive:
            target[:, columns] = (logits[:, columns] > 0).to(logits)
            for group in self.groups:
                strongest = F.one_hot(logits[:, group].argmax(1), len(group)).to(logits)
                target[:, group] = target[:, group] * strongest
                if domain.column in group:
                    target[:, group] = 0
        target[:, domain.column] = float(domain.on)
        return self.encode(target, torch.full((len(logits),), domain.part, device=logits.device))

    def _known(self, dataset: Tensor) -> Tensor:
        """Return which columns belong to the dataset (N,) of each image: bool (N, K)."""
        owners = [index for index, part in enumerate(self.parts) for _ in part.labels]
        return dataset[:, None] == torch.tensor(owners, device=dataset.device)
