"""How far a run has come: a bar on a terminal, a line now and then elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINES: Final = 10


class Step(Protocol):
    """Called once per step done, with a word on how things stand."""

    def __call__(self, words: str) -> None: ...


@contextmanager
def progress(console: Console, title: str, steps: int) -> Iterator[Step]:
    """Shows `steps` steps being done."""
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task(title, total=steps, words="")
            yield lambda words: bar.update(task, advance=1, words=words)
        return
    done = 0

    def step(words: str) -> None:
        nonlocal done
        done += 1
        if done * LINES // steps > (done - 1) * LINES // steps:
            console.print(f"{title}: {done * 100 // steps} % {words}".rstrip(), highlight=False)

    yield step


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[words]}"), console=console)
