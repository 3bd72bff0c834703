"""Where weights are looked for, in order, and where pulled ones go; downloads and loads nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

VOLUMES = (Path("/runpod-volume/ltx-models"), Path("/runpod-volume"), Path("/workspace/ltx-models"))
"""A RunPod network volume: /workspace in Pods is /runpod-volume in Serverless."""
CACHES = (Path("/runpod-volume/huggingface-cache/hub"),)
"""RunPod's cached models, in the form of the Hugging Face cache."""
HOME = Path("~/.local/share/ltxserve/models")


@dataclass(frozen=True)
class Places:
    """The search order: explicit, configured (LTXSERVE_MODELS), volumes, home, caches.

    explicit: a folder, or one file. home: where weights go if nothing else is said.
    caches: besides RunPod's, those of huggingface_hub (HF_HUB_CACHE, HF_HOME).
    """

    explicit: Path | None = None
    configured: Path | None = None
    volumes: tuple[Path, ...] = VOLUMES
    home: Path = HOME
    caches: tuple[Path, ...] | None = None

    def folders(self) -> tuple[Path, ...]:
        """Folders of weights that are there, in the order they are searched."""
        named = [self.explicit, self.configured, *self.volumes, self.home.expanduser()]
        return tuple(folder for folder in named if folder is not None and folder.is_dir())

    def hub_caches(self) -> tuple[Path, ...]:
        """Caches in Hugging Face's form that are there."""
        known = self.caches if self.caches is not None else (*CACHES, *_cache_of_the_client())
        return tuple(folder for folder in known if folder.is_dir())

    def find_file(self, repo: str, path: str) -> Path | None:
        """The first such file: under its repository's name, under its path, or by its name."""
        named = PurePosixPath(path).name
        if self.explicit is not None and self.explicit.is_file() and self.explicit.name == named:
            return self.explicit
        for folder in self.folders():
            tries = [root / path for root in _roots(folder, repo)] + [folder / path, folder / named]
            found = next((place for place in tries if place.is_file()), None)
            if found is not None:
                return found
        snapshots = (snapshot(cache, repo) for cache in self.hub_caches())
        return next((s / path for s in snapshots if s is not None and (s / path).is_file()), None)

    def find_folder(self, repo: str, path: str) -> Path | None:
        """The first folder of this path in a copy of its repository."""
        roots = [root for folder in self.folders() for root in _roots(folder, repo)]
        roots += [s for s in (snapshot(cache, repo) for cache in self.hub_caches()) if s]
        return next((root / path for root in roots if (root / path).is_dir()), None)

    def target(self) -> Path:
        """Where pulled weights go: the first named place, else a mounted volume, else home."""
        for named in (self.explicit, self.configured):
            if named is not None and not named.is_file():
                return named
        mounted = (v for v in self.volumes if v.name == "ltx-models" and v.parent.is_dir())
        usable = (v for v in mounted if os.access(v if v.is_dir() else v.parent, os.W_OK))
        return next(usable, self.home.expanduser())


def snapshot(cache: Path, repo: str) -> Path | None:
    """The copy of a repository in a Hugging Face cache that refs/main points to.

    Without refs/main, the only snapshot there is; None where that is not clear.
    """
    folder = cache / f"models--{repo.replace('/', '--')}"
    reference = folder / "refs" / "main"
    if reference.is_file():
        commit = reference.read_text("utf-8", errors="replace").strip()
        named = folder / "snapshots" / commit
        return named if commit.isalnum() and named.is_dir() else None
    return _only(folder / "snapshots")


def _only(folder: Path) -> Path | None:
    inside = [place for place in folder.iterdir() if place.is_dir()] if folder.is_dir() else []
    return inside[0] if len(inside) == 1 else None


def _roots(folder: Path, repo: str) -> Iterator[Path]:
    yield folder / repo
    yield folder / repo.rpartition("/")[2]
    cached = snapshot(folder, repo)  # a folder of weights may itself be a cache
    if cached is not None:
        yield cached


def _cache_of_the_client() -> tuple[Path, ...]:
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:  # the light install: there is no client, and so no cache of its own
        return ()
    return (Path(HF_HUB_CACHE),)
