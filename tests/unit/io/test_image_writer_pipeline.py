"""`run_pipeline`: order, overlap, limit on pending results, and errors."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from gancli.io import image_writer
from gancli.io.image_writer import run_pipeline


@dataclass(frozen=True)
class Result:
    value: int
    nbytes: int = 1


def test_every_item_is_read_made_and_written() -> None:
    processed: list[int] = []
    written: dict[int, tuple[int, int]] = {}

    def process(item: int, read: int) -> Result:
        processed.append(item)
        return Result(item + read)

    def write(item: int, read: int, result: Result) -> None:
        written[item] = read, result.value

    run_pipeline(range(20), read=lambda item: 10 * item, process=process, write=write)
    assert processed == list(range(20))
    assert written == {item: (10 * item, 11 * item) for item in range(20)}
    run_pipeline([], read=abs, process=process, write=write)


def test_the_next_is_read_and_the_last_is_written_meanwhile() -> None:
    """Processing waits for both, so it would never end if they did not run meanwhile."""
    reading, writing, release = threading.Event(), threading.Event(), threading.Event()

    def read(item: int) -> int:
        if item == 2:
            reading.set()
        return item

    def process(item: int, _: int) -> Result:
        if item == 1:
            assert reading.wait(30)
            assert writing.wait(30)
            release.set()
        return Result(item)

    def write(item: int, *_: object) -> None:
        if item == 0:
            writing.set()
            assert release.wait(30)

    run_pipeline(range(3), read=read, process=process, write=write)


def test_large_results_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_writer, "MAX_PENDING_BYTES", 10)
    written: list[int] = []

    def process(item: int, _: int) -> Result:
        assert len(written) == item
        return Result(item, nbytes=11)

    run_pipeline(range(5), read=abs, process=process, write=lambda item, *_: written.append(item))


@pytest.mark.parametrize("where", ["read", "process", "write"])
def test_an_error_is_raised_and_what_was_made_is_written(where: str) -> None:
    written: list[int] = []

    def fail_at(step: str, item: int) -> int:
        if step == where and item == 2:
            raise ValueError(step)
        return item

    def write(item: int, *_: object) -> None:
        fail_at("write", item)
        written.append(item)

    with pytest.raises(ValueError, match=where):
        run_pipeline(
            range(4),
            read=lambda item: fail_at("read", item),
            process=lambda item, _: Result(fail_at("process", item)),
            write=write,
        )
    assert {0, 1} <= set(written)
    assert 2 not in written
