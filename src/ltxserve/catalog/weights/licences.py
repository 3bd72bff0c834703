"""Which licences of weights were accepted here; shows none and asks nobody."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from ltxserve.catalog.spec import Licence
from ltxserve.errors import ModelUnavailable

ALL = "all"
"""Stands for every licence, where an operator names those that are accepted."""


class Licensed(Protocol):
    """A row with weights: a model or an adapter."""

    @property
    def name(self) -> str: ...
    @property
    def licence(self) -> Licence: ...


def is_accepted(licence: Licence, folder: Path, also: Collection[str] = ()) -> bool:
    """Whether a licence is free, was accepted for a folder of weights, or is named in `also`."""
    return licence.free_use or bool({licence.name, ALL} & {*also, *_accepted(folder)})


def accept(licence: Licence, folder: Path) -> None:
    """Note the acceptance of a licence beside the weights it is about."""
    notes = {**_accepted(folder), licence.name: {"url": licence.url, "at": _now()}}
    place = _place(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f"{place.name}.{os.getpid()}")
    draft.write_text(json.dumps(notes, indent=2), "utf-8")
    draft.replace(place)


def require(spec: Licensed, folder: Path, also: Collection[str] = ()) -> None:
    """Raises ModelUnavailable `licence_not_accepted`."""
    if is_accepted(spec.licence, folder, also):
        return
    raise ModelUnavailable(
        "licence_not_accepted",
        f"{spec.name} is under the {spec.licence.title}: {spec.licence.url}",
        f"Read it and accept it: ltxserve models pull {spec.name} --accept-licence; on machines "
        f"without a terminal, LTXSERVE_ACCEPT_LICENCES={spec.licence.name}",
        "model",
    )


def _accepted(folder: Path) -> dict[str, object]:
    try:
        notes = json.loads(_place(folder).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _place(folder: Path) -> Path:
    return folder / ".ltxserve" / "licences.json"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
