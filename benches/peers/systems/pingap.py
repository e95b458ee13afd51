"""The pingap of the crate registry, another gateway on Pingora."""

from .job import IDLE_UPSTREAM_CONNECTIONS, Job, command, write


def pingap(job: Job) -> list[str] | None:
    """Start pingap; its jwt plugin knows HMAC only, and none of its plugins asks a verifier.

    The plugin checks less than the others do: signature and exp, neither iss nor aud, and it hands on no claim.
    """
    program = job.tools / "bin" / "pingap"
    if job.access == "forward" or (job.access == "jwt" and job.algorithm != "HS256") or not program.exists():
        return None
    path = write(job.folder / "pingap.toml", _configuration(job))
    return command(program, f"--conf={path}")


def _configuration(job: Job) -> str:
    """Return its TOML: one server with one thread, no access log, errors only."""
    folder, keys = job.folder.resolve(), job.keys.resolve()
    verifying, certificate, tls = "", "", ""
    if job.access == "jwt":
        secret = (keys / "hs256.secret").read_text()
        verifying = f'[plugins.tokens]\ncategory = "jwt"\nheader = "Authorization"\nalgorithm = "HS256"\nsecret = "{secret}"\n'
    if job.tls:
        certificate = f'[certificates.own]\ntls_cert = "{keys}/tls.crt"\ntls_key = "{keys}/tls.key"\nis_default = true\n'
        tls = 'global_certificates = true\nenabled_h2 = true\ntls_min_version = "TLSv1.3"\n'
    return f"""[basic]
pid_file = "{folder}/pingap.pid"
log_level = "error"
upstream_keepalive_pool_size = {IDLE_UPSTREAM_CONNECTIONS}

[upstreams.app]
addrs = ["127.0.0.1:{job.upstream}"]

[locations.all]
upstream = "app"
path = "/"
plugins = [{'"tokens"' if verifying else ""}]

[servers.gateway]
addr = "127.0.0.1:{job.port}"
locations = ["all"]
threads = 1
{tls}
{certificate}
{verifying}"""
