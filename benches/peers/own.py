"""Our own gateway, and the bare Pingora proxy that it is compared with."""

import os
from pathlib import Path

from systems import Job

TARGET = Path(__file__).parents[2] / "target"
RELEASE = Path(os.environ.get("PORTCULLIS_RELEASE", TARGET / "release"))
# What `make pgo` has built.
PROFILED = TARGET / "pgo/release/portcullis"

KEY_FILES = {"HS256": "secret_file", "RS256": "pem_file", "ES256": "pem_file", "EdDSA": "pem_file"}
KEY_NAMES = {"HS256": "hs256.secret", "RS256": "rs256.pem", "ES256": "es256.pem", "EdDSA": "eddsa.pem"}


def key_file(algorithm: str, keys: Path) -> str:
    """A key source for tokens of an algorithm."""
    only = f", algorithms: [{algorithm}]"
    return f"[{{ {KEY_FILES[algorithm]}: {keys / KEY_NAMES[algorithm]}{only} }}]"


def bare(job: Job) -> list[str] | None:
    """Pingora with nothing in it."""
    if job.access != "none":
        return None
    tls = [str(job.keys / "tls.crt"), str(job.keys / "tls.key")] if job.tls else []
    return [str(RELEASE / "bare"), f"127.0.0.1:{job.port}", f"127.0.0.1:{job.upstream}", *tls]


def portcullis(job: Job) -> list[str] | None:
    """The product, one thread, no access log: the peers write none either."""
    return [str(RELEASE / "portcullis"), "run", "-c", configuration(job)]


def profiled(job: Job) -> list[str] | None:
    """The same, built with a profile of requests."""
    return [str(PROFILED), "run", "-c", configuration(job)] if PROFILED.exists() else None


def configuration(job: Job) -> str:
    """The file that makes it do what is measured."""
    listener = f"address: 127.0.0.1:{job.port}"
    if job.tls:
        pair = f"{{ certificate: {job.keys / 'tls.crt'}, key: {job.keys / 'tls.key'} }}"
        listener += f", http2: true, tls: {{ certificates: [{pair}], protocols: [TLSv1.3] }}"
    lines = [
        f"listeners: [{{ {listener} }}]",
        "process: { threads: 1 }",
        'access_log: { to: "off" }',
        "upstreams:",
        f"  app: {{ servers: [{{ address: 127.0.0.1:{job.upstream} }}] }}",
    ]
    lines += {"none": lambda _: [], "jwt": realm, "forward": service}[job.access](job)
    access = {"none": "public", "jwt": "{ realm: bench }", "forward": "{ forward_auth: verifier }"}[job.access]
    lines.append(f"locations: [{{ match: {{ prefix: / }}, access: {access}, upstream: app }}]")
    return written(lines, job.folder)


def realm(job: Job) -> list[str]:
    """Rules like those of the peers; for encrypted tokens a key of our own as well."""
    nested = job.algorithm == "JWE"
    keys = [f"keys:\n  signing: {key_file('HS256' if nested else job.algorithm, job.keys)}"]
    rules, entries = "keys: signing", 20_000
    if nested:
        # Tokens of more than 1 KiB count twice: the pool fits as it does for the others.
        entries = 40_000
        keys.append(f"  ours: [{{ pem_file: {job.keys / 'rsa-oaep.pem'}, algorithms: [RSA-OAEP-256] }}]")
        rules = "type: nested, keys: signing, decryption_keys: ours"
    return keys + [
        "realms:",
        f"  bench: {{ {rules}, issuer: https://issuer.example, audience: api, cache: {{ entries: {entries} }},",
        '    identity_headers: { X-User-ID: "{claims.sub}" } }',
    ]


def service(job: Job) -> list[str]:
    """Whoever is asked by all gateways."""
    return [
        "forward_auth:",
        f"  verifier: {{ url: 'http://127.0.0.1:{job.verifier}/', send_headers: [Authorization],",
        """    identity_headers: { X-User-ID: "{auth.headers['x-user-id']}" } }""",
    ]


def written(lines: list[str], folder: Path) -> str:
    """Writes a configuration, and answers where it stands."""
    file = folder / "portcullis.yaml"
    file.write_text("\n".join(lines) + "\n")
    return str(file)
