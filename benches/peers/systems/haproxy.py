"""Debian's HAProxy 2.6, which verifies tokens by its converter jwt_verify."""

from pathlib import Path

from .job import AUDIENCE, IDLE_SECONDS, ISSUER, Job, command, write

PROGRAM = Path("/usr/sbin/haproxy")


def haproxy(job: Job) -> list[str] | None:
    """Start HAProxy; the audience of a token must be a string, not an array.

    HAProxy 2.6 has no EdDSA, and it can ask a verification service only by a script in Lua or an agent (SPOE) that
    somebody has to write, so "forward" is not offered. Nothing caches verified tokens.
    """
    if job.access == "forward" or job.algorithm == "EdDSA":
        return None
    path = write(job.folder / "haproxy.cfg", _configuration(job))
    return command(PROGRAM, "-db", "-f", path)


def _configuration(job: Job) -> str:
    """Return the whole configuration; as no line says log, nothing is logged."""
    tls = f" ssl crt {job.keys.resolve()}/tls.crt alpn h2,http/1.1 ssl-min-ver TLSv1.3" if job.tls else ""
    return f"""global
    nbthread 1
    maxconn 50000
    # Start even where 50,000 connections would need more descriptors than the hard limit allows.
    no strict-limits
    # The private key of tls.crt is tls.key, not tls.crt.key.
    ssl-load-extra-del-ext

defaults
    mode http
    maxconn 50000
    timeout connect 5s
    timeout client {IDLE_SECONDS}s
    timeout http-keep-alive {IDLE_SECONDS}s
    timeout server 60s

listen gateway
    bind 127.0.0.1:{job.port}{tls}
{_verification(job) if job.access == "jwt" else ""}
    server upstream 127.0.0.1:{job.upstream}
"""


def _verification(job: Job) -> str:
    """Return the rules that refuse a token whose algorithm, signature, issuer, audience or expiry is not right.

    A claim that is missing leaves its variable unset, so that its check fails. The result of jwt_verify must be
    compared with 1, as errors are negative numbers.
    """
    if job.algorithm == "HS256":
        key = (job.keys / "hs256.secret").read_text(encoding="ascii")
    else:
        key = str(job.keys.resolve() / f"{job.algorithm.lower()}.pem")
    verify = _quote_word(f"var(txn.bearer),jwt_verify({job.algorithm},{_quote_argument(key)})")
    return f"""    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.exp) 'var(txn.bearer),jwt_payload_query("$.exp","int")'
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless {{ 'var(txn.bearer),jwt_header_query("$.alg")' -m str {job.algorithm} }}
    http-request deny deny_status 401 unless {{ {verify} -m int 1 }}
    http-request deny deny_status 401 unless {{ 'var(txn.bearer),jwt_payload_query("$.iss")' -m str {ISSUER} }}
    http-request deny deny_status 401 unless {{ 'var(txn.bearer),jwt_payload_query("$.aud")' -m str {AUDIENCE} }}
    http-request deny deny_status 401 unless {{ var(txn.exp),sub(txn.now) -m int gt 0 }}
    http-request set-header X-User-ID '%[var(txn.bearer),jwt_payload_query("$.sub")]'
"""


def _quote_argument(text: str) -> str:
    """Quote one argument of a converter, which is parsed after the word that holds it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quote_word(text: str) -> str:
    """Quote one word of the configuration, so that neither blanks nor dollar signs in it are special."""
    return "'" + text.replace("'", "'\\''") + "'"
