"""What the generator is told: the labels to reach, and, where several data sets were joined, whose labels they are."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli.errors import UsageError
from gancli.family import DataSpec

OFF = "not-"
"""Before the name of a domain that is an attribute's absence."""


@dataclass(frozen=True)
class Domain:
    """Where a translation leads.

    Args:
        name: as `gan translate --to` takes it.
        part: the index of the data set whose label it is.
        column: of the label in `attributes`.
        on: whether the label is set, or cleared.
    """

    name: str
    part: int
    column: int
    on: bool = True


class Conditions:
    """The labels of the data, by data set, and the groups of attributes that exclude each other.

    Args:
        data: with its `known` labels.
        exclusive: groups of attributes by name.

    Raises:
        UsageError: there are no labels to translate between, or a group names what is no attribute.
    """

    def __init__(self, data: DataSpec, exclusive: Sequence[Sequence[str]] = ()) -> None:
        self.parts = data.known
        starts = [sum(len(part.labels) for part in self.parts[:index]) for index in range(len(self.parts))]
        self.columns = [slice(start, start + len(part.labels)) for start, part in zip(starts, self.parts, strict=True)]
        names = [name for part in self.parts for name in part.labels]
        if len(names) < 2 and all(part.exclusive for part in self.parts):
            raise UsageError("there is nothing to translate between: the data need two labels, or an attribute")
        free = [name for part in self.parts if not part.exclusive for name in part.labels]
        for name in (name for group in exclusive for name in group):
            if name not in free:
                near = difflib.get_close_matches(name, free, n=1)
                known = f"its attributes are {', '.join(free)}" if free else "it has none, whose labels exclude anyway"
                hint = f"did you mean {near[0]!r}?" if near else known
                raise UsageError(f"model.exclusive: the data has no attribute {name!r}: {hint}")
        self.groups = [[names.index(name) for name in group] for group in exclusive]
        self.labels = len(names)

    @property
    def width(self) -> int:
        """Numbers of a condition: every label, and a bit for each data set where there are several."""
        return self.labels + (len(self.parts) if len(self.parts) > 1 else 0)

    def told(self, attributes: Tensor, dataset: Tensor) -> Tensor:
        """Conditions (N, width) of attributes (N, K) of data sets (N,); those of other data sets are 0."""
        told = attributes * self._known(dataset)
        if len(self.parts) == 1:
            return told
        return torch.cat([told, F.one_hot(dataset, len(self.parts)).to(told)], dim=1)

    def misread(self, logits: Tensor, attributes: Tensor, dataset: Tensor) -> Tensor:
        """The cross entropy of reading labels: the sum over those of an image's own data set, the mean over images.

        Over labels that exclude each other it is that of a softmax, over attributes the sum of each one's.

        Args:
            logits: (N, K).
            attributes: (N, K).
            dataset: (N,).
        """
        total = logits.new_zeros(len(logits))
        for index, (part, columns) in enumerate(zip(self.parts, self.columns, strict=True)):
            answers, truth = logits[:, columns], attributes[:, columns]
            if part.exclusive:
                entropy = F.cross_entropy(answers, truth, reduction="none")
            else:
                entropy = F.binary_cross_entropy_with_logits(answers, truth, reduction="none").sum(1)
            total = total + entropy * (dataset == index)
        return total.mean()

    def domains(self) -> list[Domain]:
        """Every label, and the absence of every attribute that is in no group."""
        found = []
        grouped = {column for group in self.groups for column in group}
        for index, part in enumerate(self.parts):
            for name, column in zip(part.labels, range(self.labels)[self.columns[index]], strict=True):
                found.append(Domain(name, index, column))
                if not part.exclusive and column not in grouped:
                    found.append(Domain(OFF + name, index, column, on=False))
        return found

    def reached(self, domain: Domain, logits: Tensor) -> Tensor:
        """Conditions (N, width) of images in a domain.

        A label that excludes the others of its data set stands alone. An attribute joins those that the image has
        already, one of each group at most, and takes the place of the others in its own.

        Args:
            domain: one of `domains`.
            logits: (N, K), as read in the images.
        """
        part, columns = self.parts[domain.part], self.columns[domain.part]
        wanted = torch.zeros_like(logits)
        if not part.exclusive:
            wanted[:, columns] = (logits[:, columns] > 0).to(logits)
            for group in self.groups:
                strongest = F.one_hot(logits[:, group].argmax(1), len(group)).to(logits)
                wanted[:, group] = wanted[:, group] * strongest
                if domain.column in group:
                    wanted[:, group] = 0
        wanted[:, domain.column] = float(domain.on)
        return self.told(wanted, torch.full((len(logits),), domain.part, device=logits.device))

    def _known(self, dataset: Tensor) -> Tensor:
        """Which columns are known of images of data sets (N,): bool (N, K)."""
        owners = [index for index, part in enumerate(self.parts) for _ in part.labels]
        return dataset[:, None] == torch.tensor(owners, device=dataset.device)
