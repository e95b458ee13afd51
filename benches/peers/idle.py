"""What an idle connection costs: memory of each gateway with 5,000 of them, each of which has made one request."""

import socket
import tempfile
import time
from pathlib import Path

from machine import GATEWAY_CORE, Program
from workloads import Workload

CONNECTIONS = 5_000
SYSTEMS = ["nginx", "haproxy", "envoy", "traefik", "caddy", "bare", "portcullis"]
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


def grown(gateway: Program, port: int) -> dict[str, float]:
    """Its memory before and after."""
    # The first hundred make whatever is made once.
    warm = connected(port, 100)
    time.sleep(1)
    before = gateway.pss()
    connections = connected(port, CONNECTIONS)
    time.sleep(3)
    after = gateway.pss()
    for one in warm + connections:
        one.close()
    return {"before": before / 1024, "after": after / 1024, "kib": (after - before) / CONNECTIONS}


def measured(bench, systems: list[str] | None) -> dict[str, dict[str, float]]:
    """`{system: memory}`."""
    from peers import ALL_SYSTEMS

    found = {}
    for system in SYSTEMS:
        if systems and system not in systems:
            continue
        with tempfile.TemporaryDirectory(prefix="peers-") as folder:
            job = bench.job(Workload("idle", []), Path(folder))
            gateway = Program(ALL_SYSTEMS[system](job), GATEWAY_CORE, job.folder / "gateway.log")
            try:
                gateway.wait_for(job.port)
                found[system] = grown(gateway, job.port)
                print(f"idle connections {system:20} {found[system]['kib']:.1f} KiB each", flush=True)
            finally:
                gateway.stop()
    return found
