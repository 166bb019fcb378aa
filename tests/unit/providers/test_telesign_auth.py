"""TeleSign's two ways to authenticate, with the vectors of its Python SDK (`tests/test_rest.py`)."""

from datetime import UTC, datetime, timedelta

import pytest

from numberdesk.providers.base import AccountFaultError
from numberdesk.providers.http import BasicAuth, Request
from numberdesk.providers.telesign.auth import Digest

CUSTOMER_ID = "FFFFFFFF-EEEE-DDDD-1234-AB1234567890"
API_KEY = "EXAMPLE----TE8sTgg45yusumoN6BYsBVkh+yRJ5czgsnCehZaOYldPJdmFh6NeX8kunZ2zU1YWaUw/0wV6xfw=="
NONCE = "A1592C6F-E384-4CDB-BC42-C3AB970369E9"
FORM = "application/x-www-form-urlencoded"


class _Clock:
    def now(self) -> datetime:
        return datetime(2016, 12, 14, 18, 20, 12, tzinfo=UTC)

    def sleep(self, duration: timedelta) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("method", "content", "content_type", "signature"),
    [
        ("POST", b"test=param", FORM, "2xVlmbrxLjYrrPun3G3WMNG6Jon4yKcTeOoK9DjXJ/Q="),
        ("POST", b"test=%CF%BF", FORM, "h8d4I0RTxErbxYXuzCOtNqb/f0w3Ck8e5SEkGNj01+8="),
        ("GET", b"", "", "aUm7I+9GKl3ww7PNeeJntCT0iS7b+EmRKEE4LnRzChQ="),
    ],
)
def test_published_vectors(method: str, content: bytes, content_type: str, signature: str) -> None:
    digest = Digest(CUSTOMER_ID, API_KEY, _Clock())
    date = "Wed, 14 Dec 2016 18:20:12 GMT"
    assert digest.sign(method, "/v1/resource", content, content_type, date=date, nonce=NONCE) == {
        "Authorization": f"TSA {CUSTOMER_ID}:{signature}",
        "Date": date,
        "x-ts-auth-method": "HMAC-SHA256",
        "x-ts-nonce": NONCE,
    }


def test_each_request_has_its_own_nonce_and_the_clocks_date() -> None:
    digest = Digest(CUSTOMER_ID, API_KEY, _Clock())
    first, second = (digest(Request("GET", "https://rest-ww.telesign.com/v1/resource")).headers for _ in range(2))
    assert first["Date"] == second["Date"] == "Wed, 14 Dec 2016 18:20:12 GMT"
    assert first["x-ts-nonce"] != second["x-ts-nonce"]
    assert first["Authorization"] != second["Authorization"]


def test_key_that_is_no_base64_is_a_fault_of_the_account_and_is_not_told() -> None:
    with pytest.raises(AccountFaultError) as caught:
        Digest(CUSTOMER_ID, "secre", _Clock())
    assert "secre" not in str(caught.value).split()
    assert caught.value.__cause__ is None


def test_basic_is_customer_id_and_key() -> None:
    # RFC 7617, section 2.1.
    request = next(BasicAuth("test", "123\u00a3").auth_flow(Request("GET", "https://rest-ww.telesign.com/")))
    assert request.headers["Authorization"] == "Basic dGVzdDoxMjPCow=="


def test_the_digest_signs_what_is_sent() -> None:
    digest = Digest(CUSTOMER_ID, API_KEY, _Clock())
    url = "https://rest-ww.telesign.com/v1/resource?page=1"
    headers = digest(Request("POST", url, content=b"test=param", headers={"Content-Type": FORM})).headers
    signed = digest.sign("POST", "/v1/resource", b"test=param", FORM, date=headers["Date"], nonce=headers["x-ts-nonce"])
    assert headers["Authorization"] == signed["Authorization"]
