"""Who may talk to the console. The pages hold an operator's rights, and every site can send requests to loopback."""

from __future__ import annotations

import hashlib
import itertools
import re
import webbrowser
from typing import TYPE_CHECKING

import pytest

from numberdesk_cli.console import serving
from numberdesk_cli.console.guard import MAX_BODY
from numberdesk_cli.console.pages import VIEWS
from numberdesk_cli.console.rendering import FOLDER
from numberdesk_cli.errors import UsageError
from tests.support import api_transport
from tests.support.builders import body
from tests.support.console import ORIGIN, TOKEN

if TYPE_CHECKING:
    import socket

    from tests.support.aws import World
    from tests.support.console import Desk, Visitor

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PATHS = {
    path: re.sub(r"\{number_type\}", "local", re.sub(r"\{queue\}", "sync", re.sub(r"\{\w+\}", "none", path)))
    for _, path, _ in VIEWS
}
POSTS = [PATHS[path] for method, path, _ in VIEWS if method == "POST"]
GETS = [PATHS[path] for method, path, _ in VIEWS if method == "GET"]


# The start


def test_start_token_opens_one_session_and_is_worthless_afterwards(desk: Desk) -> None:
    with desk.visitor() as first:
        assert first.browser.get("/").status_code == 403
        assert first.browser.get("/start", params={"token": "another"}).status_code == 403
        answer = first.browser.get("/start", params={"token": TOKEN})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("numberdesk-8123=")
        assert {"httponly", "samesite=strict", "path=/"} <= {each.strip().lower() for each in cookie.split(";")}
        assert TOKEN not in cookie
        assert first.browser.get("/").status_code == 200
        first.browser.cookies.clear()
        again = first.browser.get("/start", params={"token": TOKEN})
        assert (again.status_code, "set-cookie" in again.headers) == (403, False)
        assert first.browser.get("/").status_code == 403


@pytest.mark.parametrize("headers", [{"sec-purpose": "prefetch"}, {"purpose": "prefetch"}])
def test_start_token_survives_a_browser_that_looks_ahead(desk: Desk, headers: dict[str, str]) -> None:
    with desk.visitor() as visitor:
        assert visitor.browser.get("/start", params={"token": TOKEN}, headers=headers).status_code == 403
        assert visitor.browser.head("/start", params={"token": TOKEN}).status_code == 403
        visitor.start()


def test_page_without_a_session_is_refused_and_reads_nothing(desk: Desk) -> None:
    with desk.visitor() as stranger:
        for path in GETS:
            answer = stranger.browser.get(path, headers={"cookie": "numberdesk-8123=guessed"})
            assert answer.status_code == 403, path
            assert "numberdesk console" in answer.text
        assert stranger.calls() == []


def test_console_listens_on_loopback_only() -> None:
    with serving.listening() as door:
        host, port = door.getsockname()
        assert host == "127.0.0.1"
        assert serving.origin_of(door) == f"http://127.0.0.1:{port}"
        with pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 cannot be used"):
            serving.listening(port)


def test_served_console_answers_at_the_address_that_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    opened: list[str] = []

    class Server:
        def run(self, sockets: list[socket.socket]) -> None:
            [door] = sockets
            assert door.getsockname()[0] == "127.0.0.1"

    monkeypatch.setattr(serving, "server", lambda app: Server())
    monkeypatch.setattr(webbrowser, "open", opened.append)
    serving.serve(api_transport.client(desk.world), say=told.append)
    [address] = opened
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/start\?token=[\w-]{43}", address)
    assert address in told[0]
    serving.serve(api_transport.client(desk.world), say=told.append, open_browser=False)
    assert len(opened) == 1


# Where a request comes from


@pytest.mark.parametrize(
    "host", ["evil.example.com", "localhost:8123", "127.0.0.1", "127.0.0.1:8124", "127.0.0.1:8123.evil.example", ""]
)
def test_foreign_host_is_refused_although_the_session_is_right(visitor: Visitor, host: str) -> None:
    # DNS rebinding: the name of somebody's site leads to loopback, and the browser takes it for that site's own.
    assert visitor.browser.get("/", headers={"host": host}).status_code == 421
    assert visitor.browser.post("/placing", headers={"host": host, "origin": ORIGIN}).status_code == 421
    assert visitor.browser.get("/start", params={"token": TOKEN}, headers={"host": host}).status_code == 421
    assert visitor.calls() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example.com"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://localhost:8123"},
        {"origin": "null"},
        {},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
        {"origin": ORIGIN, "sec-fetch-site": "none"},
    ],
    ids=str,
)
def test_write_from_another_origin_is_refused_although_the_session_and_the_proof_are_right(
    visitor: Visitor, headers: dict[str, str]
) -> None:
    visitor.get("/placing")
    visitor.calls()
    sent = {"csrf": visitor.proof(), "open": "no", "reason": "somebody else's"}
    assert visitor.browser.post("/placing", data=sent, headers=headers).status_code == 403
    assert visitor.calls() == []


def test_write_without_the_proof_of_this_session_is_refused(visitor: Visitor) -> None:
    proofs: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"csrf": ""}, {}),
        ({"csrf": "stolen"}, {}),
        ({}, {"x-csrf-token": "stolen"}),
    ]
    for path, (sent, headers) in itertools.product(POSTS, proofs):
        answer = visitor.browser.post(path, data=sent, headers={"origin": ORIGIN, **headers})
        assert answer.status_code == 403, path
        assert "not from this session" in answer.text
    assert visitor.calls() == []


def test_form_of_another_session_proves_nothing(desk: Desk, visitor: Visitor) -> None:
    visitor.get("/placing")
    with desk.visitor() as other:
        other.start()
        other.page = visitor.page
        other.calls()
        assert "not from this session" in other.post("/placing", {"open": "no", "reason": "x"}, status=403)
        assert other.calls() == []


def test_proof_in_a_header_does_as_well(visitor: Visitor) -> None:
    visitor.get("/placing")
    answer = visitor.browser.post(
        "/placing", data={"open": "no"}, headers={"origin": ORIGIN, "x-csrf-token": visitor.proof()}
    )
    assert (answer.status_code, "Say why" in answer.text) == (400, True)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_pages_can_link_to_a_page_but_load_nothing(visitor: Visitor, site: str) -> None:
    def status(mode: str) -> int:
        answer = visitor.browser.get("/placing", headers={"sec-fetch-site": site, "sec-fetch-mode": mode})
        return int(answer.status_code)

    assert (status("navigate"), status("no-cors"), status("cors")) == (200, 403, 403)
    asked = visitor.browser.options(
        "/placing", headers={"origin": "https://evil.example.com", "access-control-request-method": "POST"}
    )
    assert asked.status_code == 403
    assert not [name for name in asked.headers if name.startswith("access-control-")]


def test_write_of_unknown_or_huge_length_is_refused_before_it_is_read(visitor: Visitor) -> None:
    headers = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    chunks = visitor.browser.post("/placing", content=iter([b"csrf=x"]), headers=headers)
    huge = visitor.browser.post("/placing", content=b"", headers={**headers, "content-length": str(MAX_BODY + 1)})
    assert (chunks.status_code, huge.status_code) == (411, 413)


def test_form_that_cannot_be_read_is_refused_as_a_page(visitor: Visitor) -> None:
    visitor.calls()
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x", "application/json", "text/plain"):
        headers = {"origin": ORIGIN, "content-type": content_type, "x-csrf-token": "stolen"}
        answer = visitor.browser.post("/placing", content=b'{"csrf": "x"', headers=headers)
        assert answer.status_code in (400, 403)
        assert "nothing was done" in answer.text
    assert visitor.calls() == []


# What an answer carries


@pytest.mark.parametrize("path", ["/", "/orders", "/nowhere", "/static/console.css", "/start", "/orders/none"])
def test_every_answer_has_the_headers_that_harden_it(visitor: Visitor, path: str) -> None:
    answer = visitor.browser.get(path)
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers


def test_refusal_has_the_headers_that_harden_it(visitor: Visitor) -> None:
    answer = visitor.browser.get("/", headers={"host": "evil.example.com"})
    assert answer.headers["content-security-policy"] == CSP


TEMPLATES = sorted((FOLDER / "templates").rglob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda each: each.name)
def test_no_template_has_inline_scripts_or_styles(template: object) -> None:
    text = FOLDER.joinpath(str(template)).read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|hx-on|hx-vals=.js|hx-vars|\|\s*safe(?!\s+if)", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_scripts_of_ours_evaluate_nothing() -> None:
    text = (FOLDER / "static" / "console.js").read_text(encoding="utf-8")
    assert not re.search(r"\beval\b|\bFunction\b|innerHTML|outerHTML|insertAdjacentHTML|document\.write", text)
    assert '"allowEval": false' in (FOLDER / "templates" / "base.html").read_text(encoding="utf-8")


def test_vendored_htmx_is_the_version_that_its_note_names() -> None:
    static = FOLDER / "static"
    version, digest = (static / "htmx.VERSION").read_text(encoding="utf-8").splitlines()
    assert digest == f"sha256 {hashlib.sha256((static / 'htmx.min.js').read_bytes()).hexdigest()}"
    number = version.split()[1].rstrip(",")
    assert f'version:"{number}"' in (static / "htmx.min.js").read_text(encoding="utf-8")
    assert "Zero-Clause BSD" in (static / "htmx.LICENSE").read_text(encoding="utf-8")


# What others wrote


def test_markup_in_what_others_wrote_is_shown_as_text(world: World, visitor: Visitor) -> None:
    world.telnyx.configure(vetting_seconds=1)
    world.telnyx.reject("End User Address", "<script>alert(1)</script><img src=x onerror=alert(2)>")
    world.send(body("order-1", {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}))
    world.pass_time(3)
    world.telnyx.supply("*")
    world.pass_time(60, steps=2, sweep=True)
    shown = visitor.get("/orders/order-1")
    assert "<script>alert(1)</script>" in shown
    assert "<script>alert(1)" not in visitor.page
    assert "<img" not in visitor.page
    assert visitor.browser.get("/orders", params={"country": '"><script>x</script>'}).text.count("<script") == 2


def test_unknown_pages_and_wrong_methods_are_told_as_a_page(visitor: Visitor) -> None:
    assert "There is no such page." in visitor.get("/nowhere", status=404)
    visitor.get("/placing")
    assert "not for that" in visitor.post("/", status=405)
