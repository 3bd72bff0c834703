"""`ltxserve jobs`: submit, list, show, watch, cancel and download on a running service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ltxserve.cli.bars import ByteBar, JobBar
from ltxserve.cli.request import load_object, with_request
from ltxserve.errors import Problem, RequestRefused
from ltxserve.settings import load_settings
from ltxserve.types import GenerationRequest

if TYPE_CHECKING:
    from ltxserve.client import Client, Job, JobEvent

group = typer.Typer(no_args_is_help=True, help="Jobs on a running service (LTXSERVE_API_KEY).")

Server = Annotated[
    str | None,
    typer.Option("--server", help="Its address; else LTXSERVE_SERVER.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
JobId = Annotated[str, typer.Argument(help="The job's id.", show_default=False)]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="File or folder to download to.", show_default=False),
]
TimeOut = Annotated[
    float | None, typer.Option("--timeout", help="Seconds to wait; the job goes on.", min=0)
]
OF_TEXT = 40


def connected(server: str | None) -> Client:
    """A client of the service that the command line or the environment names."""
    # Late: planning and help need no HTTP.
    from ltxserve.client import Client

    settings = load_settings()
    key = settings.api_key.get_secret_value() if settings.api_key is not None else None
    return Client(server or settings.server, key)


@group.command()
@with_request
def submit(
    request: GenerationRequest,
    server: Server = None,
    count: Annotated[int | None, typer.Option("--count", help="So many variations.")] = None,
    webhook: Annotated[str | None, typer.Option("--webhook", help="URL told of the end.")] = None,
    priority: Annotated[int | None, typer.Option("--priority", help="-100 to 100.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option("--idempotency-key", help="The same key, the same job.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is over.")] = False,
    output: Output = None,
    timeout: TimeOut = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Queue a clip; --wait or --output stay until it is done. Local files are uploaded."""
    envelope = {"count": count, "webhook_url": webhook, "priority": priority}
    with connected(server) as client:
        job = client.generate(request, wait=False, idempotency_key=idempotency_key, **envelope)
        if wait or output is not None:
            job = followed(client, job, timeout, quiet=quiet or as_json).checked()
        files = fetched(client, job, output, quiet=quiet or as_json)
    tell(job, as_json)
    for path in files:
        typer.echo(str(path), err=as_json)


@group.command()
def stitch(
    request: Annotated[str, typer.Argument(help="A stitch as JSON file (- = stdin).")],
    server: Server = None,
    output: Output = None,
    timeout: TimeOut = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Queue a stitch; its clips are jobs' or uploads' ids, URLs or local files."""
    data = load_object(request)
    clips = data.pop("clips", ())
    with connected(server) as client:
        job = client.stitch(clips, wait=False, **data)
        if output is not None:
            job = followed(client, job, timeout, quiet=quiet or as_json).checked()
        files = fetched(client, job, output, quiet=quiet or as_json)
    tell(job, as_json)
    for path in files:
        typer.echo(str(path), err=as_json)


@group.command("list")
def list_(
    server: Server = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only these; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="At most so many.", min=1, max=100)] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the newest jobs."""
    with connected(server) as client:
        jobs = client.page(state=state, limit=limit).jobs
    if as_json:
        typer.echo(json.dumps([dict(job.data) for job in jobs], indent=2))
        return
    table = Table(box=None)
    table.add_column("id", min_width=36, no_wrap=True)  # whole, so that it can be copied
    for name in ("state", "done", "credits", "prompt"):
        table.add_column(name)
    for job in jobs:
        done = "" if job.progress.percent is None else f"{job.progress.percent:.0f} %"
        text = escape((job.prompt or job.kind)[:OF_TEXT])
        table.add_row(job.id, job.state, done, str(job.credits), text)
    Console(soft_wrap=True).print(table)


@group.command()
def show(job_id: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Show one job: what was asked, how far it is, what came out."""
    with connected(server) as client:
        tell(client.get(job_id), as_json)


@group.command()
def watch(
    job_id: JobId,
    server: Server = None,
    after: Annotated[int, typer.Option("--after", help="Go on behind this event.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print events, one a line.")] = False,
) -> None:
    """Follow a job until it is over; a lost connection is taken up again."""
    with connected(server) as client:
        for event in client.events(job_id, after):
            typer.echo(json.dumps(_plain(event)) if as_json else said(event))
        client.get(job_id).checked()


@group.command()
def cancel(job_id: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Stop a job; it then costs nothing."""
    with connected(server) as client:
        tell(client.cancel(job_id), as_json)


@group.command()
def delete(job_id: JobId, server: Server = None) -> None:
    """Remove a job that is over, with its files."""
    with connected(server) as client:
        client.delete(job_id)


@group.command()
def download(
    job_id: JobId,
    server: Server = None,
    output: Output = None,
    variant: Annotated[
        str, typer.Option("--variant", help="video, thumbnail, preview or audio.")
    ] = "video",
    quiet: Quiet = False,
) -> None:
    """Fetch a finished job's file, verified; a lost connection is taken up again."""
    with connected(server) as client, ByteBar(quiet) as bar:
        typer.echo(str(client.download(job_id, output or Path.cwd(), variant, bar)))


def followed(client: Client, job: Job, timeout: float | None, *, quiet: bool) -> Job:
    """The job when it is over, with a bar meanwhile."""
    with JobBar(quiet) as bar:

        def shown(now: Job) -> None:
            bar(now.state, now.progress.stage, now.progress.percent)

        return client.wait(job.id, timeout, shown)


def fetched(client: Client, job: Job, output: Path | None, *, quiet: bool) -> list[Path]:
    """The job's clips as files; those of a batch go into a folder."""
    if output is None:
        return []
    jobs = list(job.family())
    if len(jobs) > 1 and output.exists() and not output.is_dir():
        hint = "Name a folder."
        problem = Problem("output_invalid", f"{output} is a file, {len(jobs)} clips come.", hint)
        raise RequestRefused([problem])
    if len(jobs) > 1:
        output.mkdir(parents=True, exist_ok=True)
    with ByteBar(quiet) as bar:
        return [client.download(one, output, on_bytes=bar) for one in jobs]


def tell(job: Job, as_json: bool) -> None:
    """Show a job: all that the service said as JSON, or a few lines for people."""
    if as_json:
        typer.echo(json.dumps(dict(job.data), indent=2))
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in lines_of(job):
        console.print(line, markup=False)
    typer.echo(job.id)


def lines_of(job: Job) -> list[str]:
    """A job in a few lines for people."""
    done = job.progress
    state: str = job.state
    if job.state == "queued" and done.queue_position:
        state += f", place {done.queue_position}"
    elif job.state == "running" and done.percent is not None:
        state += f", {done.stage or 'working'}, {done.percent:.0f} %"
    lines = [f"{job.kind}: {state}; {job.credits} credits"]
    if job.width and job.seconds:
        sized = f"{job.width}x{job.height}, {job.num_frames} frames, {job.seconds:.2f} s"
        lines.append(sized if job.seed is None else f"{sized}, seed {job.seed}")
    lines += [f"{file.name}: {file.media_type}, {file.bytes} bytes" for file in job.files.values()]
    lines += [f"warning: {warning}" for warning in job.warnings]
    lines += [f"{child.id}: {child.state}" for child in job.children]
    if job.error is not None:
        lines.append(f"error: {job.error.message} [{job.error.code}]")
    return lines


def said(event: JobEvent) -> str:
    """An event in one line for people."""
    data = event.data
    parts = [f"{event.seq:>4} {event.kind}"]
    if data.get("stage"):
        parts.append(str(data["stage"]))
    if data.get("of"):
        parts.append(f"{data.get('step')} of {data['of']}")
    if data.get("percent") is not None:
        parts.append(f"{data['percent']:.0f} %")
    error = data.get("error") or (data if event.kind == "failed" else {})
    if error.get("message"):
        parts.append(f"{error['message']} [{error.get('code')}]")
    return "  ".join(parts)


def _plain(event: JobEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "kind": event.kind,
        "job_id": event.job_id,
        "data": dict(event.data),
    }
