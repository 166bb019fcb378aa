"""Addresses at which a process listens: a local run must be reachable from this machine only."""

import ipaddress
import sys
from pathlib import Path

_LISTENING = "0A"  # TCP_LISTEN in the kernel's tables


def listens_elsewhere(pid: int) -> list[str]:
    """Return the addresses outside loopback at which a process listens.

    Read from Linux's /proc; empty without it.
    """
    process = Path("/proc") / str(pid)
    inodes = set()
    for descriptor in process.glob("fd/*"):
        try:
            inodes.add(str(descriptor.readlink()))
        except FileNotFoundError:
            continue  # closed meanwhile
    found = []
    for table in ("tcp", "tcp6"):
        path = process / "net" / table
        rows = path.read_text().splitlines()[1:] if path.exists() else []
        for row in rows:
            fields = row.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == _LISTENING and f"socket:[{fields[9]}]" in inodes and not _address(address).is_loopback:
                found.append(f"{_address(address)} port {int(port, 16)}")
    return found


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    # 32-bit words, each in the machine's own byte order.
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = b"".join(provider_status.to_bytes(4, sys.byteorder) for provider_status in words)
    address = ipaddress.ip_address(packed)
    return getattr(address, "ipv4_mapped", None) or address
