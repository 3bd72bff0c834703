"""Chooses a pool by its URL and imports it late; knows nothing of how one works."""

from __future__ import annotations

from pathlib import Path

from ltxserve.errors import ConfigurationError
from ltxserve.pool.base import GpuPool, Patience, WorkerSpec

SCHEMES = ("local", "ray://", "runpod://")


def create_pool(
    url: str,
    worker: WorkerSpec,
    patience: Patience | None = None,
    secret: str = "",
    folder: Path | None = None,
) -> GpuPool:
    """The pool that a URL names.

    url: "local" (a subprocess per GPU), "ray://HOST:10001" or "ray://auto" (a Ray cluster),
    "runpod://ENDPOINT_ID" (RunPod Serverless; `secret` is its API key, and its workers have a
    configuration of their own). folder: where a pool may keep what has to survive a restart.
    Raises ConfigurationError `settings_invalid`, ModelUnavailable `backend_missing`.
    """
    patience = patience or Patience()
    if url == "local":
        from ltxserve.pool.local import LocalPool

        return LocalPool(worker, patience)
    if url.startswith("runpod://"):
        from ltxserve.pool.runpod import RunPodPool
        from ltxserve.pool.runpod_api import Endpoint

        return RunPodPool(Endpoint.of(url), secret, patience, folder)
    if url.startswith("ray://"):
        from ltxserve.pool.ray import RayPool
        from ltxserve.pool.ray_cluster import Cluster
        from ltxserve.pool.ray_seats import Address

        address = Address.of(url)
        return RayPool(address, worker, patience, Cluster(address))
    raise ConfigurationError(
        "settings_invalid", f"{url} is no pool of workers.", f"Use one of {', '.join(SCHEMES)}."
    )
