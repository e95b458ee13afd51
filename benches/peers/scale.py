"""Does a request cost more when everything grows? Locations, realms, keys, remembered tokens, connections."""

import json
import statistics
import sys
import tempfile
from pathlib import Path

from bench import Bench
from load import Feed, wrk
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


def plain(_: int, bench: Bench) -> tuple[list[str], Feed]:
    """Nothing but connections."""
    return ["locations: [{ match: { prefix: / }, access: public, upstream: app }]"], Feed()


GROWTH = {
    "locations": (locations, [10, 100, 1_000, 10_000]),
    "realms": (realms, [1, 10, 100, 1_000]),
    "keys in a set (new tokens)": (keys, [1, 10, 100, 1_000]),
    "cached tokens": (cached, [100, 1_000, 10_000, 100_000, 1_000_000]),
    "connections": (plain, [10, 100, 1_000, 9_000]),
}


def cost(what, size: int, bench: Bench, rounds: int) -> float:
    """The median CPU of a request, in microseconds."""
    port = free_port()
    lines, feed = what(size, bench)
    connections = size if what is plain else 32
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        gateway = Program([str(RELEASE / "portcullis"), "run", "-c", written(common(port, bench) + lines, Path(folder))], GATEWAY_CORE,
                          Path(folder) / "log")
        try:
            gateway.wait_for(port)
            # Until every token was seen, and every connection is open.
            seen = 0
            while seen < feed.last or seen == 0:
                seen += wrk(port, "/", feed._replace(first=min(seen + 1, feed.last)), 3, connections).requests
            runs = []
            for _ in range(rounds):
                before = gateway.cpu()
                sent = wrk(port, "/", feed, 2, connections)
                if sent.bad_statuses or sent.failures:
                    raise RuntimeError(f"{sent}")
                runs.append((gateway.cpu() - before) / sent.requests * 1e6)
            return statistics.median(runs)
        finally:
            gateway.stop()


def measured(bench: Bench, rounds: int) -> dict[str, list[tuple[int, float]]]:
    """`{what grows: [(how many, CPU of a request)]}`."""
    found: dict[str, list[tuple[int, float]]] = {}
    for name, (what, sizes) in GROWTH.items():
        found[name] = []
        for size in sizes:
            try:
                found[name].append((size, cost(what, size, bench, min(rounds, 3))))
                print(f"{name}: {size}: {found[name][-1][1]:.1f} us", flush=True)
            except RuntimeError as why:
                print(f"{name}: {size}: {why}", file=sys.stderr)
    return found
