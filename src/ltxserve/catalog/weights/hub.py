"""Lists and fetches files of the hub through huggingface_hub; knows no row and no folder of ours.

Answers are checked by the caller; a token goes out in headers and comes back nowhere.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ltxserve.errors import ModelUnavailable

Tell = Callable[[int], None]
"""Told of every piece: how many bytes came (negative where a server made us begin again)."""
_LINKS = 3  # a signed link of a CDN may end in the middle; so often a new one is asked for


@dataclass(frozen=True)
class RemoteFile:
    """A file on the hub. digest: "sha256:..." of large files, "git:..." of small ones."""

    repo: str
    path: str
    bytes: int
    digest: str

    @property
    def name(self) -> str:
        """The file for people."""
        return f"{self.repo}: {self.path}"


@dataclass(frozen=True)
class Hub:
    """A hub that may be asked.

    endpoint: None = HF_ENDPOINT or huggingface.co. token: None = what `hf auth login` kept, if any.
    """

    endpoint: str | None = None
    token: str | None = None

    def file(self, repo: str, path: str) -> RemoteFile:
        """What the hub says of one file. Raises ModelUnavailable."""
        with hub_errors(repo):
            found = [_remote(repo, item) for item in self._api().get_paths_info(repo, [path])]
        files = [file for file in found if file is not None]
        if not files:
            raise _absent(repo, path)
        return files[0]

    def folder(self, repo: str, path: str) -> tuple[RemoteFile, ...]:
        """The files of a folder and below it. Raises ModelUnavailable."""
        with hub_errors(repo):
            tree = self._api().list_repo_tree(repo, path or None, recursive=True)
            files = [_remote(repo, item) for item in tree]
        found = tuple(file for file in files if file is not None)
        if not found:
            raise _absent(repo, path)
        return found

    def fetch(self, file: RemoteFile, into: Path, tell: Tell) -> None:
        """Append what `into` lacks of the file. Raises ModelUnavailable, OSError for the disk."""
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

        for attempt in range(1, _LINKS + 1):
            try:
                with hub_errors(file.repo, passing=() if attempt == _LINKS else (HfHubHTTPError,)):
                    return self._fetch(file, into, tell)
            except GatedRepoError as error:
                raise _translated(error, file.repo) from error
            except HfHubHTTPError:
                continue
        return None

    def _fetch(self, file: RemoteFile, into: Path, tell: Tell) -> None:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers

        url = hf_hub_url(file.repo, file.path, endpoint=self.endpoint)
        link = get_hf_file_metadata(url, token=self.token, endpoint=self.endpoint).location
        # Links of a CDN are signed: the token is for the hub alone.
        at_home = urlsplit(link).netloc == urlsplit(url).netloc
        with into.open("ab") as output:
            http_get(
                link,
                output,
                resume_size=output.tell(),
                headers=build_hf_headers(token=self.token if at_home else False),
                expected_size=file.bytes,
                tqdm_class=_telling(tell),
            )

    def _api(self) -> Any:
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, token=self.token)


def needs_client() -> None:
    """Raises ModelUnavailable `backend_missing` where the hub's client is not installed."""
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ModelUnavailable(
            "backend_missing",
            "The client of the model hub is not installed.",
            "pip install 'ltxserve[engine]'",
        )


@contextmanager
def hub_errors(repo: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Inside, errors of the hub's client become ModelUnavailable, except those that may pass."""
    needs_client()
    from httpx2 import HTTPError
    from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except passing:
        raise
    except OSError as error:
        if not isinstance(error, (HTTPError, OfflineModeIsEnabled)):
            raise
        raise _translated(error, repo) from error
    except (HTTPError, HFValidationError, ValueError) as error:
        raise _translated(error, repo) from error


def _translated(error: Exception, repo: str) -> ModelUnavailable:
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    if isinstance(error, OfflineModeIsEnabled):
        return offline(repo)
    if isinstance(error, GatedRepoError):
        return ModelUnavailable(
            "repository_gated",
            f"{repo} gives its files only to accounts that accepted its terms.",
            f"Accept them at https://huggingface.co/{repo} , make a token of that account and "
            "set it as HF_TOKEN.",
        )
    if isinstance(error, EntryNotFoundError):
        return _absent(repo, "a file of the catalog's row")
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if isinstance(error, RepositoryNotFoundError) or status in (401, 403):
        return ModelUnavailable(
            "repository_gated",
            f"The hub does not show {repo}: it is not there, or this token may not see it.",
            "Set HF_TOKEN to a token of an account that may read it.",
        )
    what = f"answers with status {status}" if status else "does not answer"
    return ModelUnavailable(
        "hub_unavailable",
        f"The model hub {what} while {repo} is asked for ({type(error).__name__}).",
        "Try again; what has arrived is kept and not fetched twice.",
    )


def offline(what: str) -> ModelUnavailable:
    """The error of a download that is not allowed."""
    return ModelUnavailable(
        "weights_missing",
        f"{what} is not on this machine, and downloading is switched off.",
        "Unset LTXSERVE_OFFLINE and HF_HUB_OFFLINE, or copy the files into LTXSERVE_MODELS.",
        "model",
    )


def _absent(repo: str, path: str) -> ModelUnavailable:
    return ModelUnavailable(
        "weights_missing",
        f"{repo} has no {path or 'files'} on the hub.",
        "The vendor moved or renamed it; update ltxserve, or give the file's path yourself.",
        "model",
    )


def _remote(repo: str, item: Any) -> RemoteFile | None:
    if not hasattr(item, "size"):  # a folder
        return None
    path = str(item.path)
    parts = PurePosixPath(path).parts
    if "\\" in path or path.startswith("/") or ".." in parts or not parts:
        raise ValueError(f"the hub names a file that is outside its repository: {path[:100]!r}")
    lfs = getattr(item, "lfs", None)
    digest = f"sha256:{lfs.sha256}" if lfs is not None else f"git:{item.blob_id}"
    return RemoteFile(repo, path, int(item.size), digest)


def _telling(tell: Tell) -> type:
    from tqdm import tqdm

    class Told(tqdm):
        """The client's own progress bar, silent: pieces are told to us instead."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            tell(int(n or 0))
            return None

    return Told
