"""What is sent how often: reads up to three times, a purchase once; and what an error says about whether it arrived."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from numberdesk.domain.settings import Timings
from numberdesk.providers.base import NotSentError, OutcomeUnknownError, SlotBusyError, UnreadableError
from numberdesk.providers.http import DEFINITE_STATUSES, Http, retry_after, segment

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = httpx.Response | httpx.RequestError
SECOND = timedelta(seconds=1)


@dataclass
class Line:
    """A connection whose other end gives these answers, the last one from then on."""

    answers: list[Answer]
    sent: list[httpx.Request] = field(default_factory=list)
    slept: list[timedelta] = field(default_factory=list)
    asked: int = 0
    throttles: list[timedelta | None] = field(default_factory=list)
    busy: bool = False

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC) + sum(self.slept, timedelta(0))

    def sleep(self, duration: timedelta) -> None:
        self.slept.append(duration)

    def _before_call(self) -> None:
        self.asked += 1
        if self.busy:
            raise SlotBusyError(SECOND)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        answer = self.answers[min(len(self.sent), len(self.answers)) - 1]
        if isinstance(answer, httpx.RequestError):
            raise answer
        return answer

    @property
    def http(self) -> Http:
        return Http(
            "https://provider.test/v2/",
            httpx.BasicAuth("name", "secret"),
            self,
            Timings(),
            accept="application/json",
            before_call=self._before_call,
            throttled=self.throttles.append,
            transport=httpx.MockTransport(self._answer),
        )

    def read(self) -> httpx.Response:
        return self.http.read("things")

    def purchase(self) -> httpx.Response:
        return self.http.send_once("POST", "orders", content=b"{}", content_type="application/json")


def waiting(status: int, seconds: float | None = None) -> httpx.Response:
    return httpx.Response(status, headers={"Retry-After": str(seconds)} if seconds is not None else {})


@pytest.mark.parametrize("first", [httpx.ConnectError("x"), httpx.ReadError("x"), *map(waiting, (500, 502, 503, 504))])
def test_read_is_tried_three_times(first: Answer) -> None:
    line = Line([first, first, httpx.Response(200)])
    assert line.read().status_code == 200
    assert (len(line.sent), line.asked, len(line.slept)) == (3, 3, 2)
    assert all(timedelta(0) < pause < 2 * SECOND for pause in line.slept)


def test_last_answer_of_a_read_is_returned_whatever_it_is() -> None:
    line = Line([waiting(503)])
    assert line.read().status_code == 503
    assert len(line.sent) == 3
    broken = Line([httpx.ReadError("x")])
    with pytest.raises(UnreadableError, match="ReadError"):
        broken.read()
    assert (len(broken.sent), len(broken.slept)) == (3, 2)


@pytest.mark.parametrize("error", [httpx.ReadTimeout("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")])
def test_read_that_timed_out_is_not_repeated(error: httpx.RequestError) -> None:
    line = Line([error])
    with pytest.raises(UnreadableError, match=type(error).__name__):
        line.read()
    assert (len(line.sent), line.slept) == (1, [])


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 408, 409, 422])
def test_read_is_not_repeated_after_an_answer_about_the_request(status: int) -> None:
    line = Line([httpx.Response(status)])
    assert line.read().status_code == status
    assert len(line.sent) == 1


@pytest.mark.parametrize(("seconds", "waited"), [(1, True), (5, True), (5.001, False), (60, False)])
@pytest.mark.parametrize("status", [429, 503])
def test_requested_pause_is_waited_for_up_to_five_seconds(status: int, seconds: float, *, waited: bool) -> None:
    line = Line([waiting(status, seconds), httpx.Response(200)])
    assert line.read().status_code == (200 if waited else status)
    assert line.slept == ([timedelta(seconds=seconds)] if waited else [])


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}, {"Retry-After": "soon"}])
def test_throttled_read_that_is_not_told_how_long_to_wait_is_not_repeated(headers: dict[str, str]) -> None:
    line = Line([httpx.Response(429, headers=headers)])
    assert line.read().status_code == 429
    assert (len(line.sent), line.slept, len(line.throttles)) == (1, [], 1)


@pytest.mark.parametrize("call", [Line.read, Line.purchase])
def test_each_throttling_is_reported_with_its_pause(call: Callable[[Line], httpx.Response]) -> None:
    line = Line([waiting(429, 60)])
    call(line)
    assert line.throttles == [timedelta(seconds=60)]
    quiet = Line([waiting(404)])
    call(quiet)
    assert quiet.throttles == []


@pytest.mark.parametrize("call", [Line.read, Line.purchase])
def test_nothing_is_sent_without_a_slot(call: Callable[[Line], httpx.Response]) -> None:
    line = Line([httpx.Response(200)], busy=True)
    with pytest.raises(SlotBusyError):
        call(line)
    assert (line.sent, line.asked) == ([], 1)


@pytest.mark.parametrize("status", [200, 301, 302, 307, 308, 429, 500, 502, 503, 504])
def test_purchase_is_sent_once_whatever_the_answer(status: int) -> None:
    line = Line([httpx.Response(status, headers={"Location": "https://elsewhere.test/", "Retry-After": "1"})])
    assert line.purchase().status_code == status
    assert (len(line.sent), line.asked, line.slept) == (1, 1, [])


@pytest.mark.parametrize("call", [Line.read, Line.purchase])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(call: Callable[[Line], httpx.Response], status: int) -> None:
    line = Line([httpx.Response(status, headers={"Location": "https://elsewhere.test/"}), httpx.Response(200)])
    assert call(line).status_code == status
    assert [request.url.host for request in line.sent] == ["provider.test"]


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x"), httpx.UnsupportedProtocol("x")],
)
def test_purchase_without_a_connection_was_not_sent(error: httpx.RequestError) -> None:
    line = Line([error])
    with pytest.raises(NotSentError, match=type(error).__name__):
        line.purchase()
    assert len(line.sent) == 1


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("x"),
        httpx.WriteTimeout("x"),
        httpx.ReadError("x"),
        httpx.WriteError("x"),
        httpx.CloseError("x"),
        httpx.RemoteProtocolError("x"),
        httpx.LocalProtocolError("x"),
        httpx.DecodingError("x"),
        httpx.TooManyRedirects("x"),
    ],
)
def test_purchase_that_broke_on_its_way_has_an_unknown_outcome(error: httpx.RequestError) -> None:
    line = Line([error])
    with pytest.raises(OutcomeUnknownError, match=type(error).__name__):
        line.purchase()
    assert len(line.sent) == 1


def test_proxies_and_credentials_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:3128")
    line = Line([httpx.Response(200)])
    http = Http("https://provider.test/", httpx.BasicAuth("name", "secret"), line, Timings(), accept="*/*")
    assert http._client._mounts == {}


def test_statuses_of_something_in_progress_say_nothing_definite() -> None:
    for status in (200, 302, 406, 408, 409, 423, 424, 425, 499, *range(500, 600)):
        assert status not in DEFINITE_STATUSES
    for status in (400, 401, 402, 403, 404, 405, 422, 429):
        assert status in DEFINITE_STATUSES


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "86400"}, timedelta(days=1)),
        ({"Retry-After": "86401"}, None),
        ({"Retry-After": "0"}, timedelta(0)),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan", "x-ratelimit-reset": "3"}, timedelta(seconds=3)),
        ({"Retry-After": "inf"}, None),
        (
            {"Date": "Sun, 22 Nov 2026 08:00:00 GMT", "Retry-After": "Sun, 22 Nov 2026 08:00:09 GMT"},
            timedelta(seconds=9),
        ),
    ],
)
def test_requested_pause_is_at_most_a_day(headers: dict[str, str], wait: timedelta | None) -> None:
    assert retry_after(httpx.Response(429, headers=headers)) == wait


@pytest.mark.parametrize(
    ("part", "quoted"),
    [("a-1", "a-1"), ("a/../b", "a%2F..%2Fb"), ("..", "%2E%2E"), (".", "%2E"), ("a?b#c", "a%3Fb%23c"), ("ü", "%C3%BC")],
)
def test_segment_reaches_no_other_resource(part: str, quoted: str) -> None:
    assert segment(part) == quoted
