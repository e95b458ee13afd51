"""The gateways that the benchmark compares, each as a proxy with one thread in front of one upstream.

Each system writes its configuration into the folder of a job and answers the argv of one foreground process, or None
if it cannot do the job. All keep connections alive on every side, log no requests and make no request ids. All that
verify tokens check signature, exp, iss and aud, and hand the claim sub to the upstream in X-User-ID (pingap checks
signature and exp, and hands on nothing). The verifier is asked by GET /verify; Envoy keeps the method and appends the
path of the request.
"""

from .caddy import caddy
from .envoy import envoy
from .haproxy import haproxy
from .job import Job, System
from .nginx import auth_jwt, auth_request, debian
from .pingap import pingap
from .traefik import traefik

__all__ = ["SYSTEMS", "Job"]

SYSTEMS: dict[str, System] = {
    "nginx": debian,
    "nginx auth_request": auth_request,
    "nginx auth_jwt": auth_jwt,
    "haproxy": haproxy,
    "envoy": envoy,
    "traefik": traefik,
    "caddy": caddy,
    "pingap": pingap,
}
