"""Listeners beyond loopback are found, so that a local run can refuse to be reachable from elsewhere."""

from __future__ import annotations

import os
import socket
import sys

import pytest
import pytest_socket

from local.listening import listens_elsewhere

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@pytest.fixture(autouse=True)
def _listening_is_no_connection(_no_sockets: None) -> None:
    pytest_socket.enable_socket()


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
def test_wildcard_address_is_not_loopback(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family) as door:
        door.bind((host, 0))
        door.listen()
        assert f"{host} port {door.getsockname()[1]}" in listens_elsewhere(os.getpid())


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_loopback_is_accepted(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family) as door:
        door.bind((host, 0))
        door.listen()
        port = door.getsockname()[1]
        assert not [found for found in listens_elsewhere(os.getpid()) if found.endswith(f" {port}")]
