"""The page of mutmut's results is what is stored, and each reason belongs to a change that survived."""

from __future__ import annotations

from tests.mutants.mutant import CORE, ROOT
from tests.mutation import page
from tests.mutation.equivalent import EQUIVALENT


def test_page_shows_the_stored_results() -> None:
    assert page.stored()
    assert page.PAGE.read_text(encoding="utf-8") == page.text(page.stored()), "run `make mutation`"


def test_modules_exist() -> None:
    for module in page.stored():
        assert (ROOT / CORE / module).is_file()


def test_reasons_belong_to_changes_that_survived() -> None:
    for module, reasons in EQUIVALENT.items():
        survived = {(change.old, change.new) for change in page.stored()[module].survived}
        assert set(reasons) <= survived, module
