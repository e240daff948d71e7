"""Reading ahead and writing behind change nothing but the time."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from gancli.io import image_writer
from gancli.io.image_writer import run_pipeline


@dataclass(frozen=True)
class Made:
    value: int
    nbytes: int = 1


def test_every_item_is_read_made_and_written() -> None:
    made: list[int] = []
    written: dict[int, tuple[int, int]] = {}

    def make(item: int, read: int) -> Made:
        made.append(item)
        return Made(item + read)

    def write(item: int, read: int, result: Made) -> None:
        written[item] = read, result.value

    run_pipeline(range(20), read=lambda item: 10 * item, process=make, write=write)
    assert made == list(range(20))
    assert written == {item: (10 * item, 11 * item) for item in range(20)}
    run_pipeline([], read=abs, process=make, write=write)


def test_the_next_is_read_and_the_last_is_written_meanwhile() -> None:
    """Making waits for both, so it would wait for ever if they did not go on."""
    reading, writing, release = threading.Event(), threading.Event(), threading.Event()

    def read(item: int) -> int:
        if item == 2:
            reading.set()
        return item

    def make(item: int, _: int) -> Made:
        if item == 1:
            assert reading.wait(30)
            assert writing.wait(30)
            release.set()
        return Made(item)

    def write(item: int, *_: object) -> None:
        if item == 0:
            writing.set()
            assert release.wait(30)

    run_pipeline(range(3), read=read, process=make, write=write)


def test_large_results_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_writer, "MAX_PENDING_BYTES", 10)
    written: list[int] = []

    def make(item: int, _: int) -> Made:
        assert len(written) == item
        return Made(item, nbytes=11)

    run_pipeline(range(5), read=abs, process=make, write=lambda item, *_: written.append(item))


@pytest.mark.parametrize("where", ["read", "make", "write"])
def test_an_error_is_raised_and_what_was_made_is_written(where: str) -> None:
    written: list[int] = []

    def at(place: str, item: int) -> int:
        if place == where and item == 2:
            raise ValueError(place)
        return item

    def write(item: int, *_: object) -> None:
        at("write", item)
        written.append(item)

    with pytest.raises(ValueError, match=where):
        run_pipeline(
            range(4),
            read=lambda item: at("read", item),
            process=lambda item, _: Made(at("make", item)),
            write=write,
        )
    assert {0, 1} <= set(written)
    assert 2 not in written
