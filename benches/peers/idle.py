"""What an idle connection costs: memory of each gateway with 5,000 of them, each of which has made one request."""

import socket
import time

from bench import Bench, Gateway
from workloads import Workload

CONNECTIONS = 5_000
SYSTEMS = ["nginx", "bare", "portcullis", "haproxy", "envoy", "traefik", "caddy", "pingap"]
REQUEST = b"GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n"


def connected(port: int, count: int) -> list[socket.socket]:
    """So many connections, each after its first answer."""
    open_now = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", port), timeout=10)
        one.sendall(REQUEST)
        if not one.recv(4096).startswith(b"HTTP/1.1 200"):
            raise RuntimeError("a request failed")
        open_now.append(one)
    return open_now


def grown(gateway: Gateway) -> dict[str, float]:
    """Its memory before and with them, in MiB, and for each in KiB."""
    # The first hundred make whatever is made once.
    warm = connected(gateway.job.port, 100)
    time.sleep(1)
    before = gateway.program.pss()
    connections = connected(gateway.job.port, CONNECTIONS)
    time.sleep(3)
    after = gateway.program.pss()
    for one in warm + connections:
        one.close()
    return {"before": before / 1024, "after": after / 1024, "kib": (after - before) / CONNECTIONS}


def measured(bench: Bench, systems: list[str] | None) -> dict[str, dict[str, float]]:
    """`{system: memory}`."""
    found = {}
    for system in SYSTEMS:
        if systems and system not in systems:
            continue
        gateway = Gateway(system, Workload("idle", []), bench)
        try:
            gateway.begin()
            found[system] = grown(gateway)
            print(f"idle connections: {system}: {found[system]['kib']:.1f} KiB each", flush=True)
        finally:
            gateway.stop()
    return found
