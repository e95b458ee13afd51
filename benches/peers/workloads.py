"""What is measured: each workload with the systems that can do it."""

from pathlib import Path
from typing import NamedTuple

from load import Feed

ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA"]
POOL = 10_000
# Distinct tokens of each kind: more than the fastest system takes in a run.
COUNTS = {"HS256": 400_000, "RS256": 160_000, "ES256": 160_000, "EdDSA": 160_000, "JWE": 40_000}
# These are sent before a run with new tokens, so that it begins with connections that are open and code that is warm.
WARM_UP = 10_000

VERIFIERS = ["portcullis", "haproxy", "nginx auth_jwt", "envoy", "nginx auth_request"]
FORWARDERS = ["bare", "portcullis", "nginx", "haproxy", "nginx auth_jwt", "envoy", "traefik", "caddy"]


class Workload(NamedTuple):
    """One row of the results."""

    name: str
    systems: list[str]
    access: str = "none"
    algorithm: str = ""
    tokens: str = ""  # "hot", "pool", "new", or the ending of a file of tokens
    status: int = 200
    path: str = "/"
    tls: bool = False
    connections: int = 32

    def feed(self, tokens: Path) -> Feed:
        """What is sent while it is measured."""
        if self.tokens in ("", "none"):
            return Feed()
        good = tokens / f"{self.algorithm}.tokens"
        match self.tokens:
            case "hot":
                return Feed(good)
            case "pool":
                return Feed(good, last=min(POOL, COUNTS[self.algorithm]))
            case "new":
                return Feed(good, first=WARM_UP + 1, last=COUNTS[self.algorithm], again=False)
            case "garbage":
                return Feed(tokens / "garbage.tokens")
            case kind:
                return Feed(tokens / f"{self.algorithm}.{kind}")

    def warm_up(self, tokens: Path) -> Feed:
        """What is sent before."""
        if self.tokens == "new":
            return Feed(tokens / f"{self.algorithm}.tokens", last=WARM_UP)
        return self.feed(tokens)


def workloads() -> list[Workload]:
    """All of them, in the order of the report."""
    verifying = [
        Workload(f"{algorithm}, {tokens}", VERIFIERS, "jwt", algorithm, tokens)
        for algorithm in ALGORITHMS
        for tokens in ("hot", "pool", "new")
    ]
    encrypted = [Workload(f"RSA-OAEP-256 + A256GCM around HS256, {tokens}", ["portcullis"], "jwt", "JWE", tokens)
                 for tokens in ("hot", "pool", "new")]
    refusing = [
        Workload(f"401: {what}", ["portcullis", "haproxy", "nginx auth_jwt", "envoy"], "jwt", "RS256", tokens, 401)
        for what, tokens in [("no token", "none"), ("garbage", "garbage"), ("expired", "expired"),
                             ("bad signature, seen before", "broken")]
    ]
    secured = ["bare", "portcullis", "nginx", "haproxy", "nginx auth_jwt", "envoy", "traefik", "caddy"]
    return [
        Workload("no auth", FORWARDERS),
        *verifying,
        *encrypted,
        Workload("forward auth", ["portcullis", "nginx", "envoy", "traefik", "caddy"], "forward", "HS256", "hot"),
        *refusing,
        Workload("HTTP/2 over TLS, no auth", secured, tls=True),
        Workload("HTTP/2 over TLS, RS256, hot", ["portcullis", "nginx auth_jwt", "envoy"], "jwt", "RS256", "hot", tls=True),
        Workload("1 KiB answers", FORWARDERS, path="/1k"),
        Workload("1 MiB answers", FORWARDERS, path="/1m"),
    ]
