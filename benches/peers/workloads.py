"""What is measured: each workload with the systems that can do it."""

from pathlib import Path
from typing import NamedTuple

from load import Feed

ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA"]
POOL = 10_000
# Distinct tokens of each kind: more than the fastest system takes in all rounds, and enough for the largest cache.
COUNTS = {"HS256": 1_000_000, "RS256": 240_000, "ES256": 160_000, "EdDSA": 200_000, "JWE": 40_000}
# More than any system takes in one run: no more are read.
MOST_OF_A_RUN = 100_000
# These are sent before new tokens are, so that a run begins with connections that are open and code that is warm.
WARM_UP = 10_000

# Both forward without a look at anything, in every workload: what the others are compared with, in the same minute.
REFERENCES = ["nginx", "bare"]
# As it is built by cargo alone, and with a profile of requests.
OURS = ["portcullis", "portcullis, profiled"]
VERIFIERS = [*OURS, "haproxy", "nginx auth_jwt", "envoy", "nginx auth_request"]
# Its plugin knows HMAC only.
HMAC_VERIFIERS = [*VERIFIERS, "pingap"]
OTHERS = [*OURS, "haproxy", "nginx auth_jwt", "envoy", "traefik", "caddy", "pingap"]


class Workload(NamedTuple):
    """One table of the results."""

    name: str
    systems: list[str]
    access: str = "none"
    algorithm: str = ""
    tokens: str = ""  # "hot", "pool", "new", or the ending of a file of tokens; empty: none
    status: int = 200
    path: str = "/"
    tls: bool = False
    connections: int = 32

    def feed(self, tokens: Path, cursor: int) -> Feed:
        """What is sent in one run; `cursor` counts the new tokens that were sent before."""
        good = tokens / f"{self.algorithm}.tokens"
        match self.tokens:
            case "":
                return Feed()
            case "hot":
                return Feed(good)
            case "pool":
                return Feed(good, last=POOL)
            case "new":
                # Who looks at no token may see one twice.
                again = self.access == "none"
                first = WARM_UP + cursor + 1
                return Feed(good, first=first, last=min(first + MOST_OF_A_RUN, COUNTS[self.algorithm]), again=again)
            case "garbage":
                return Feed(tokens / "garbage.tokens")
            case kind:
                return Feed(tokens / f"{self.algorithm}.{kind}")

    def warm_up(self, tokens: Path) -> tuple[Feed, int]:
        """What is sent before, and for how many seconds: a pool that has to be decrypted takes longer."""
        if self.tokens == "new":
            return Feed(tokens / f"{self.algorithm}.tokens", last=WARM_UP), 1
        return self.feed(tokens, 0), 5 if (self.algorithm, self.tokens) == ("JWE", "pool") else 1


def workloads() -> list[Workload]:
    """All of them, in the order of the report."""
    verifying = [
        Workload(f"{algorithm}, {tokens}", HMAC_VERIFIERS if algorithm == "HS256" else VERIFIERS, "jwt", algorithm, tokens)
        for algorithm in ALGORITHMS
        for tokens in ("hot", "pool", "new")
    ]
    encrypted = [
        Workload(f"RSA-OAEP-256 + A256GCM around HS256, {tokens}", OURS, "jwt", "JWE", tokens)
        for tokens in ("hot", "pool", "new")
    ]
    refusals = {"no token": "", "garbage": "garbage", "expired": "expired", "bad signature, seen before": "broken"}
    refusing = [
        Workload(f"401: {what}", [*OURS, "haproxy", "nginx auth_jwt", "envoy"], "jwt", "RS256", tokens, 401)
        for what, tokens in refusals.items()
    ]
    return [
        Workload("no auth", OTHERS),
        *verifying,
        *encrypted,
        Workload("forward auth", [*OURS, "nginx", "envoy", "traefik", "caddy"], "forward", "HS256", "hot"),
        *refusing,
        Workload("HTTP/2 over TLS, no auth", OTHERS, tls=True),
        Workload("HTTP/2 over TLS, RS256, hot", VERIFIERS, "jwt", "RS256", "hot", tls=True),
        Workload("1 KiB answers", OTHERS, path="/1k"),
        Workload("1 MiB answers", OTHERS, path="/1m"),
    ]
