"""Calls a running service: the same verbs waiting (`Client`) and awaited (`AsyncClient`).

Needs httpx only. Errors are those of `ltxserve.errors`, with the codes the service gave.
"""

from ltxserve.client.asynchronous import AsyncClient
from ltxserve.client.blocking import Client
from ltxserve.client.connection import Connection
from ltxserve.client.views import File, Job, JobEvent, Page, Progress, Quote, Upload

__all__ = [
    "AsyncClient",
    "Client",
    "Connection",
    "File",
    "Job",
    "JobEvent",
    "Page",
    "Progress",
    "Quote",
    "Upload",
]
