"""Every page in a real browser: accessible, readable on a phone, light and dark, and free of complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.browser import window as open_window
from tests.support.builders import body
from tests.support.full_desk import full_desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.support.browser import Window
    from tests.support.console import Desk

pytestmark = pytest.mark.xdist_group("browser")

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}
PAGES = (
    "/",
    "/orders",
    "/orders?state=lost",
    "/orders/german",
    "/orders/held-with-an-id-that-is-as-long-as-an-id-may-be-64-characters-1",
    "/orders/chicago/numbers",
    "/orders/german/timeline",
    "/orders/held/acts/reject",
    "/orders/german/acts/acknowledge",
    "/orders/german/acts/cancel",
    "/orders/chicago/acts/release",
    "/orders/nobodys",
    "/numbers?account=telnyx/default",
    "/profiles",
    "/profiles/telnyx/default/DE/local",
    "/activity",
    "/dead-letters",
    "/providers",
    "/providers/callfire/default",
    "/providers/telnyx/default?what=numbers&country=US&limit=5",
    "/placing",
    "/nowhere",
)
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return a desk with something to show on every page."""
    with full_desk(tmp_path_factory.mktemp("views") / "views.json") as desk:
        yield desk


def opened(window: Window, path: str) -> None:
    """Load a page and open everything that can be opened on it."""
    window.go(path)
    window.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


def serious(window: Window, *rules: str) -> list[tuple[str, str]]:
    """Return what axe finds of serious or critical impact by these rules or all: the rule, and where."""
    options = {"runOnly": list(rules)} if rules else None
    found: dict[str, Any] = Axe().run(window.page, options=options).response
    return [
        (violation["id"], node["html"][:200])
        for violation in found["violations"]
        for node in violation["nodes"]
        if violation["impact"] in SERIOUS
    ]


def test_axe_finds_nothing_serious_on_any_page(full: Desk, browser: Browser) -> None:
    with open_window(full, browser) as window:
        found = {}
        for path in PAGES:
            opened(window, path)
            found[path] = serious(window)
        assert {path: all_ for path, all_ in found.items() if all_} == {}


def test_every_page_is_readable_on_a_phone_in_the_dark_without_scrolling_sideways(full: Desk, browser: Browser) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "color_scheme": "dark"}
    with open_window(full, browser, **phone) as window:
        back = window.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert back == "rgb(16, 22, 29)"
        found: dict[str, Any] = {}
        for path in PAGES:
            opened(window, path)
            width = window.page.evaluate("document.documentElement.scrollWidth")
            wide = (width, window.page.evaluate(_WIDEST)) if width > 390 else None
            found[path] = [*serious(window, "color-contrast"), *([wide] if wide else [])]
        assert {path: all_ for path, all_ in found.items() if all_} == {}


_WIDEST = """[...document.querySelectorAll('body *')].filter((each) => each.getBoundingClientRect().right > 391)
    .slice(0, 5).map((each) => each.outerHTML.slice(0, 120))"""


def test_axe_would_find_a_field_without_a_label_and_text_that_nobody_can_read(full: Desk, browser: Browser) -> None:
    with open_window(full, browser) as window:
        opened(window, "/orders")
        window.page.evaluate(
            """document.querySelector('#bulk-act').id = 'unlabelled';
            document.querySelector('h1').style.color = 'lightgrey';"""
        )
        assert {rule for rule, _ in serious(window)} == {"select-name", "color-contrast"}


def test_axe_finds_nothing_serious_in_what_forms_lead_to(full: Desk, browser: Browser) -> None:
    with open_window(full, browser) as window:
        page, found = window.page, {}

        def look(name: str) -> None:
            found[name] = serious(window)

        for key, name in (("?", "keys"), ("Control+k", "palette")):
            window.press(key)
            look(name)
            window.press("Escape")
        window.go("/orders/held/acts/approve")
        page.get_by_label("Reason").fill("Agreed.")
        page.get_by_role("button", name="Approve the purchase").click()
        window.says("Once more")
        look("asked once more")
        window.go("/orders/german")
        page.get_by_role("button", name="Supply").first.click()
        window.says("Give a value.")
        look("a value that does not do")
        window.go("/orders?provider=telnyx")
        page.get_by_label("with all that match").check()
        page.get_by_role("combobox", name="Do").select_option("acknowledge")
        page.get_by_role("button", name="Freeze the list").click()
        window.says("The list is frozen")
        look("a frozen list")
        window.go("/dead-letters")
        page.get_by_label("All (at most 100 at a time)").check()
        page.get_by_role("button", name="Show what a redrive would do").click()
        window.says("Put dead letters back")
        look("a redrive")
        window.go("/providers/callfire/default")
        page.get_by_role("button", name="Delete the registration").click()
        window.says("Delete the registration?")
        look("a registration to be deleted")
        window.go("/profiles/telnyx/default/DE/local")
        page.get_by_role("button", name="Delete").click()
        window.says("Delete the profile?")
        look("a profile to be deleted")
        assert {name: all_ for name, all_ in found.items() if all_} == {}


def test_pages_work_without_scripts(full: Desk, browser: Browser) -> None:
    with open_window(full, browser, java_script_enabled=False) as window:
        for path in ("/", "/orders", "/orders/german", "/dead-letters"):
            window.go(path)
            expect(window.page.get_by_role("heading", level=1)).to_be_visible()
        window.go("/orders/held/acts/reject")
        window.page.get_by_label("Reason").fill("no")
        window.page.get_by_role("button", name="Reject it").click()
        expect(window.page.get_by_role("heading", level=1)).to_have_text("Once more: reject it?")


def test_list_of_today_is_refreshed_without_a_reload_and_keeps_the_focus(full: Desk, browser: Browser) -> None:
    with open_window(full, browser) as window:
        link = window.page.get_by_role("link", name="german")
        link.focus()
        with full.lock:
            full.world.telnyx.reject("Identity Document", "It cannot be read.")
            full.world.send(body("another", GERMAN))
            full.world.pass_time(10, steps=2, sweep=True)
        window.says("another")
        expect(link).to_be_focused()
