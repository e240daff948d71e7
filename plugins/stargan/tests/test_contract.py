from typing import ClassVar

from gancli.family import DataSpec, LabelSet
from gancli.testing import FamilyContract

SMALL = {"channels": 2, "blocks": 1, "n_critic": 2}
HAIR = LabelSet(name="faces", labels=("black", "blond", "young"), exclusive=False)
MOODS = LabelSet(name="moods", labels=("happy", "sad"), exclusive=True)


class TestLabels(FamilyContract):
    family = "stargan"
    model: ClassVar = SMALL
    data = DataSpec(channels=3, height=16, width=16, labels=("red", "green", "blue"))


class TestAttributes(FamilyContract):
    family = "stargan"
    model: ClassVar = {**SMALL, "exclusive": [["black", "blond"]]}
    data = DataSpec(channels=3, height=16, width=20, labels=HAIR.labels, label_sets=(HAIR,))


class TestSeveralDataSets(FamilyContract):
    family = "stargan"
    model: ClassVar = {**SMALL, "halvings": 2}
    data = DataSpec(channels=1, height=16, width=16, labels=HAIR.labels + MOODS.labels, label_sets=(HAIR, MOODS))
