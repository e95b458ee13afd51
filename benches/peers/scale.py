"""Does a request cost more when everything grows? Locations, realms, keys, remembered tokens, connections."""

import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import Bench
from load import Feed, Turns, wrk
from machine import GATEWAY_CORE, Program, free_port
from own import RELEASE, key_file, written

REALM = "{{ keys: {keys}, issuer: https://issuer.example, audience: api, cache: {{ entries: {entries} }} }}"


def common(port: int, bench: Bench) -> list[str]:
    return [
        f"listeners: [{{ address: 127.0.0.1:{port} }}]",
        "process: { threads: 1 }",
        'access_log: { to: "off" }',
        f"upstreams: {{ app: {{ servers: [{{ address: 127.0.0.1:{bench.upstream_port} }}] }} }}",
    ]


def locations(count: int, bench: Bench) -> tuple[list[str], Feed]:
    """So many locations by prefix, all of them used."""
    lines = [f"  - {{ match: {{ prefix: /p{number} }}, access: public, upstream: app }}" for number in range(count)]
    return ["locations:", *lines], Feed(paths=count)


def realms(count: int, bench: Bench) -> tuple[list[str], Feed]:
    """So many realms, each with its location, asked for one token in turn."""
    keys = [f"keys: {{ k: {key_file('HS256', bench.tokens)} }}", "realms:"]
    keys += [f"  r{number}: " + REALM.format(keys="k", entries=64) for number in range(count)]
    places = [f"  - {{ match: {{ prefix: /p{number} }}, access: {{ realm: r{number} }}, upstream: app }}"
              for number in range(count)]
    return [*keys, "locations:", *places], Feed(bench.tokens / "HS256.tokens", paths=count)


def keys(count: int, bench: Bench) -> tuple[list[str], Feed]:
    """So many keys in a set; tokens that were never seen, of the last."""
    own = json.loads((bench.tokens / "jwks-HS256.json").read_text())["keys"]
    others = [{**own[0], "kid": f"other-{number}"} for number in range(count - 1)]
    file = bench.place / f"jwks-{count}.json"
    file.write_text(json.dumps({"keys": others + own}))
    lines = [f"keys: {{ k: [{{ jwks_file: {file} }}] }}", "realms:", "  r: " + REALM.format(keys="k", entries=0)]
    lines.append("locations: [{ match: { prefix: / }, access: { realm: r }, upstream: app }]")
    return lines, Feed(bench.tokens / "HS256.tokens", last=100_000)


def cached(count: int, bench: Bench) -> tuple[list[str], Feed]:
    """So many tokens that were all seen before."""
    lines = [f"keys: {{ k: {key_file('HS256', bench.tokens)} }}", "realms:", "  r: " + REALM.format(keys="k", entries=2**20)]
    lines.append("locations: [{ match: { prefix: / }, access: { realm: r }, upstream: app }]")
    return lines, Feed(bench.tokens / "HS256.tokens", last=count)


# Nothing but connections.
PLAIN = ["locations: [{ match: { prefix: / }, access: public, upstream: app }]"]

GROWTH = {
    "locations": (locations, [10, 100, 1_000, 10_000]),
    "realms": (realms, [1, 10, 100, 1_000]),
    "keys in a set (new tokens)": (keys, [1, 10, 100, 1_000]),
    "cached tokens": (cached, [100, 1_000, 10_000, 100_000, 1_000_000]),
}
# A process has a limit of open files (20,000 here), and a request that is on its way needs two.
IN_TURN = [10, 100, 1_000, 10_000, 19_900]
ALL_BUSY = [10, 100, 1_000, 9_000]


@contextlib.contextmanager
def gateway_for(lines: list[str], bench: Bench) -> Iterator[tuple[Program, int]]:
    """Portcullis at work, and its port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        argv = [str(RELEASE / "portcullis"), "run", "-c", written(common(port, bench) + lines, Path(folder))]
        gateway = Program(argv, GATEWAY_CORE, Path(folder) / "log")
        try:
            gateway.wait_for(port)
            yield gateway, port
        finally:
            gateway.stop()


def cost(gateway: Program, rounds: int, send: Callable[[], int]) -> float:
    """The median CPU of a request, in microseconds; `send` tells how many it sent."""
    runs = []
    for _ in range(rounds):
        before = gateway.cpu()
        sent = send()
        runs.append((gateway.cpu() - before) / sent * 1e6)
    return statistics.median(runs)


def answered(port: int, feed: Feed, connections: int) -> int:
    """How many requests were answered in two seconds, all of them well."""
    sent = wrk(port, "/", feed, 2, connections)
    if sent.bad_statuses or sent.failures:
        raise RuntimeError(f"{sent}")
    return sent.requests


def of_wrk(lines: list[str], feed: Feed, connections: int, bench: Bench, rounds: int) -> float:
    """All connections send whenever they have been answered."""
    with gateway_for(lines, bench) as (gateway, port):
        # Until every token was seen, and every connection is open.
        seen = 0
        while seen < feed.last or seen == 0:
            seen += wrk(port, "/", feed._replace(first=min(seen + 1, feed.last)), 3, connections).requests
        return cost(gateway, rounds, lambda: answered(port, feed, connections))


def of_turns(connections: int, bench: Bench, rounds: int) -> float:
    """All connections are open, and few of them busy."""
    with gateway_for(PLAIN, bench) as (gateway, port):
        turns = Turns(port, connections)
        try:
            turns.send(1)
            return cost(gateway, rounds, lambda: turns.send(2))
        finally:
            turns.stop()


def measured(bench: Bench, rounds: int) -> dict[str, list[tuple[int, float]]]:
    """`{what grows: [(how many, CPU of a request)]}`."""
    rounds = min(rounds, 3)
    plans = [(name, size, lambda what=what, size=size: of_wrk(*what(size, bench), 32, bench, rounds))
             for name, (what, sizes) in GROWTH.items() for size in sizes]
    plans += [(f"connections, {Turns.AT_ONCE} busy", size, lambda size=size: of_turns(size, bench, rounds)) for size in IN_TURN]
    plans += [("connections, all busy", size, lambda size=size: of_wrk(PLAIN, Feed(), size, bench, rounds)) for size in ALL_BUSY]
    found: dict[str, list[tuple[int, float]]] = {}
    for name, size, run in plans:
        try:
            found.setdefault(name, []).append((size, run()))
            print(f"{name}: {size}: {found[name][-1][1]:.1f} us", flush=True)
        except RuntimeError as why:
            print(f"{name}: {size}: {why}", file=sys.stderr)
    return found
