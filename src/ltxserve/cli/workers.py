"""`ltxserve workers`: what outlives the service, told to end; a local pool's workers never do."""

from __future__ import annotations

import typer

from ltxserve.errors import LtxserveError
from ltxserve.settings import load_settings

group = typer.Typer(no_args_is_help=True, help="Workers that outlive the service.")


@group.callback()
def _group() -> None:
    """Workers that outlive the service."""


@group.command()
def dismiss() -> None:
    """End the workers on the Ray cluster of LTXSERVE_POOL, with what they do; frees its GPUs."""
    url = load_settings().pool
    if not url.startswith("ray://"):
        raise LtxserveError(
            "not_supported",
            f"The workers of the pool {url.partition('://')[0]!r} are not ended from here.",
            "A local pool's end with the service; RunPod's are set at its console.",
        )
    from ltxserve.pool.ray_cluster import Cluster
    from ltxserve.pool.ray_seats import Address
    from ltxserve.pool.ray_seats import dismiss as end

    count = end(Cluster(Address.of(url)))
    typer.echo(f"{count} workers ended")
