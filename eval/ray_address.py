"""Where a Ray cluster is, and whether anything of Ray's answers there: Ray itself asks for minutes."""

from __future__ import annotations

import os
import socket
import time

from retrieval.errors import ConfigError

ANSWER_S = 5.0
"""How long an address may take to answer."""
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""What a client of HTTP/2 begins with, and settings that change nothing (RFC 9113, section 3.4)."""
_HEADER, _SETTINGS = 9, 4


def require_cluster(address: str) -> None:
    """Refuse an address where no cluster answers, before Ray is asked to connect.

    All servers of Ray speak gRPC, hence HTTP/2, and an HTTP/2 server answers its client with a frame of settings.

    Args:
        address: ``auto``, or HOST:PORT; ``auto`` is what Ray makes of it.

    Raises:
        ConfigError: Nothing listens there, what listens is no Ray, or there is no cluster on this machine.
    """
    from ray._private.services import canonicalize_bootstrap_address  # noqa: PLC0415  (what ray.init connects to)

    try:
        place = canonicalize_bootstrap_address(address)
    except (ConnectionError, ValueError, OSError) as why:
        raise _none(address, str(why).splitlines()[0]) from why
    if place is None:
        raise _none(address, "no address of a cluster")
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_S) as line:
            if os.environ.get("RAY_USE_TLS", "0").lower() in {"1", "true"}:
                return  # greeted by nobody without its certificate
            line.sendall(_HELLO)
            said = _first(line, time.monotonic() + ANSWER_S)
    except TimeoutError as why:
        raise _none(address, f"no answer from {place} for {ANSWER_S:.0f} s") from why
    except (OSError, ValueError, OverflowError) as why:
        raise _none(address, f"nothing answers at {place} ({why})") from why
    if len(said) < _HEADER or said[3] != _SETTINGS:
        raise _none(address, f"what answers at {place} is no Ray cluster")


def _first(line: socket.socket, until: float) -> bytes:
    """The first bytes of an answer, as many as the header of a frame has; fewer where it ends before."""
    said = b""
    while len(said) < _HEADER:
        line.settimeout(max(1e-3, until - time.monotonic()))
        more = line.recv(_HEADER - len(said))
        if not more:
            break
        said += more
    return said


def _none(address: str, why: str) -> ConfigError:
    return ConfigError(f"--ray {address}: {why}", "start a cluster: ray start --head; or leave --ray out")
