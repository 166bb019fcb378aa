"""The README repeats the figures of docs/performance.md, and both name every function."""

from bench.__main__ import ALTERNATIVES, BEGIN, BUSY, END, GOALS, PAGE, README, in_three_lines, ratios_of
from tests.support.stack import functions


def printed(text: str) -> str:
    """Return what the bench put between its marks."""
    return text.partition(BEGIN)[2].partition(END)[0]


def test_every_function_has_a_goal_and_a_figure() -> None:
    assert GOALS.keys() == functions().keys()
    assert ratios_of(printed(PAGE.read_text())).keys() >= GOALS.keys() | {
        *list(ALTERNATIVES.values())[1:],
        *BUSY.values(),
    }


def test_readme_has_the_figures_of_the_page() -> None:
    assert printed(README.read_text()) == in_three_lines(ratios_of(printed(PAGE.read_text())))
