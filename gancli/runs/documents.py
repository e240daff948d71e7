"""The JSON documents of a run, checked before use: manifests, states, `best.json` and the lines of `eval.jsonl`.

A run can come from anywhere, and its hashes only prove that it was not changed after they were computed. Every document
is therefore read from a regular file inside the run, with a limit on its size, and its fields are checked against one
of the schemas below. Fields that a schema does not name are passed over, because later versions may add some.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gancli.errors import DataError
from gancli.io.input_files import parse_json_object, read_json_object
from gancli.io.text import visible

MAX_MANIFEST_BYTES = 4_000_000

MAX_DATA_DIMENSIONS = 2**31
"""Numbers of one image: channels times height times width."""


def _encodable(text: str) -> str:
    text.encode()  # a lone surrogate could neither be printed nor written
    return text


def _not_relative(name: str) -> str:
    if name in (".", ".."):
        raise ValueError("it is not a name")
    return name


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("it is not finite")
    return value


Text = Annotated[str, Field(max_length=10_000), AfterValidator(_encodable)]

Name = Annotated[str, Field(max_length=1_000), AfterValidator(_encodable)]

SafeName = Annotated[Name, Field(pattern=r"^[^/\\\x00-\x1f]{1,255}$"), AfterValidator(_not_relative)]
"""A name of a file or directory, without a path."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}$")]

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

Count = Annotated[int, Field(ge=0, le=2**53)]

Side = Annotated[int, Field(ge=1, le=2**20)]

Finite = Annotated[float, AfterValidator(_finite)]


class Document(BaseModel):
    """A JSON object whose fields have exactly these types."""

    model_config = ConfigDict(strict=True, extra="ignore", protected_namespaces=())


class LabelSetDocument(Document):
    name: Name
    labels: list[Name]
    exclusive: bool


def _fits(data: DataDocument) -> DataDocument:
    channels = max([data.channels, *data.channels_of.values()])
    if channels * data.height * data.width > MAX_DATA_DIMENSIONS:
        raise ValueError(f"images of {channels}x{data.height}x{data.width} are too large")
    return data


class DataDocument(Document):
    """Shape and labels of the data, as written by `DataSpec.to_json`."""

    channels: Side
    height: Side
    width: Side
    labels: list[Name]
    kind: Literal["image", "points"] = "image"
    channels_of: dict[Name, Side] = {}
    label_sets: list[LabelSetDocument] = []


class MixtureDocument(Document):
    """Means, one list of coordinates per Gaussian, and the standard deviation of a mixture."""

    means: Annotated[list[list[Finite]], Field(min_length=1, max_length=10_000)]
    std: Annotated[Finite, Field(gt=0)]


class ModelDocument(Document):
    """Fields of both kinds of manifests: everything needed to build the networks."""

    family: Name
    tasks: list[Name]
    labels: list[Name]
    model: dict[Name, Any]
    data: Annotated[DataDocument, AfterValidator(_fits)]
    versions: dict[Name, Name]
    images: Count
    mixture: MixtureDocument | None = None
    fingerprint: Name | None = None


class RunManifest(ModelDocument):
    """`manifest.json` of a run."""

    name: Text
    source: Name
    created: Name
    command: Annotated[str, Field(max_length=1_000_000), AfterValidator(_encodable)] = ""
    seed: Count | None = None
    device: Name | None = None
    threads: Count | None = None
    group: SafeName | None = None
    format: Name | None = None
    references: dict[Name, Finite] = {}


class Reached(Document):
    stage: Name
    fade: Annotated[Finite, Field(ge=0, le=1)] = 1.0


class FileEntry(Document):
    sha256: Hash
    bytes: Count


class CheckpointManifest(ModelDocument):
    """`manifest.json` of a checkpoint."""

    files: dict[FileName, FileEntry]
    step: Count = 0
    reached: Reached | None = None


class Position(Document):
    """Fields of `TrainState`."""

    images: Count
    step: Count
    stage: Count = 0
    rollbacks: Count = 0


def _joined_before(counters: PlayerCounters) -> PlayerCounters:
    if max(counters.joined.values(), default=0) > counters.updates:
        raise ValueError("a parameter has joined after the last update")
    return counters


class PlayerCounters(Document):
    """Counters of a player: updates, and those before the first gradient of each parameter."""

    updates: Count
    joined: dict[Name, Count]


class Findings(Document):
    """Fields of `CollapseFindings`."""

    low: Count = 0
    since: Count = 0
    rolled_back: bool = False


class Best(Document):
    """`best.json`, and the same entry of a state."""

    images: Count
    metric: Name
    value: Finite


class EvaluationDocument(Document):
    best: Best | None = None
    waited: Count = 0
    findings: Findings = Findings()


class LogSizes(Document):
    metrics: Count
    timings: Count


class TrainingState(Document):
    """`state.json` of a checkpoint of a training run."""

    position: Position
    loader: Count
    players: dict[Name, Annotated[PlayerCounters, AfterValidator(_joined_before)]]
    random: dict[Name, Any]
    averages: dict[Name, Annotated[list[float], Field(min_length=2, max_length=2)]]
    files: LogSizes
    evaluation: EvaluationDocument = EvaluationDocument()
    evaluation_is_pending: bool = False


class Protocol(Document):
    images: Count | None = None
    chosen: Name = "last"


def _placed(protocol: Protocol) -> Protocol:
    if protocol.chosen == "during training" and protocol.images is None:
        raise ValueError("images is missing")
    return protocol


class Evaluation(Document):
    """One line of `eval.jsonl`."""

    metric: Name
    value: float
    protocol: Annotated[Protocol, AfterValidator(_placed)]


def known_fields(values: Mapping[str, Any], schema: type[Document]) -> dict[str, Any]:
    """Return the fields of a document that its schema names, without those of later versions."""
    return {name: values[name] for name in schema.model_fields if name in values}


def read_document(path: Path, schema: type[Document], *, within: Path, advice: str) -> dict[str, Any]:
    """Read a JSON file and check it against a schema.

    Args:
        path: file to read.
        schema: fields that it must have.
        within: directory that must contain the file after all links are followed.
        advice: what to do about a damaged file, as the end of the error message.

    Returns:
        The whole document, including fields that the schema does not name.

    Raises:
        DataError: the file is missing, is not a regular file, is too large, or does not fit the schema.
    """
    try:
        return check_document(read_json_object(path, limit=MAX_MANIFEST_BYTES, within=within), schema, name=str(path))
    except DataError as error:
        raise DataError(f"{error}; {advice}") from None


def parse_document(content: bytes | str, schema: type[Document], *, name: str) -> dict[str, Any]:
    """Parse a JSON text and check it against a schema, as `read_document`.

    Raises:
        DataError: it does not fit the schema.
    """
    return check_document(parse_json_object(content, name=name), schema, name=name)


def check_document(values: Mapping[str, Any], schema: type[Document], *, name: str) -> dict[str, Any]:
    """Check a JSON object against a schema and return it.

    Args:
        values: the object.
        schema: fields that it must have.
        name: name of the document in error messages, such as its path.

    Raises:
        DataError: a field is missing or has another type or an impossible value.
    """
    try:
        schema.model_validate(values)
    except (ValidationError, RecursionError) as error:
        raise DataError(f"{name} is damaged: {_first_problem(error)}") from None
    return dict(values)


def _first_problem(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the object"
    if first["type"] == "missing":
        return f"{visible(where[:200])} is missing"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{visible(where[:200])} {message[:1].lower()}{message[1:]} (found {_shown(first['input'])})"


def _shown(value: Any) -> str:
    """Return a value as text, shortened before it is written out."""
    if isinstance(value, str):
        return visible(repr(value[:40]))
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value):,}"
    if isinstance(value, int) and abs(value) > 10**30:
        return "a number of more than 30 digits"
    return visible(repr(value)[:40])
