"""Which adapters a plan loads and how a camera motion is asked for; opens no weights."""

from __future__ import annotations

from dataclasses import dataclass

from ltxserve.catalog import Catalog, LoraSpec, ModelSpec
from ltxserve.engine.findings import Findings, show
from ltxserve.errors import LtxserveError
from ltxserve.types import LoraUse

MAX_STRENGTH = 2.0
_FILES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


@dataclass(frozen=True)
class PlannedLora:
    """An adapter to load: `name` for messages, `repo` and `file` of a catalog row, or `path`.

    bytes: of the file, where the row says so.
    """

    name: str
    strength: float
    repo: str = ""
    file: str = ""
    path: str = ""
    bytes: int | None = None


def plan_loras(
    uses: tuple[LoraUse, ...], spec: ModelSpec, catalog: Catalog, findings: Findings
) -> tuple[PlannedLora, ...]:
    """Resolve adapters by catalog name or path; problems go to `findings`."""
    if not uses:
        return ()
    if not spec.supports.loras:
        hint = "Leave loras out, or use a model that takes adapters."
        findings.problem(
            "lora_unsupported", f"{spec.name} takes no adapters in this build.", hint, "loras"
        )
        return ()
    if len(uses) > spec.limits.max_loras:
        findings.problem(
            "lora_unsupported",
            f"{len(uses)} adapters.",
            f"{spec.name} takes at most {spec.limits.max_loras} at once.",
            "loras",
        )
        return ()
    planned = [_plan_one(use, spec, catalog, findings, f"loras.{i}") for i, use in enumerate(uses)]
    return tuple(item for item in planned if item is not None)


def warn_of_misuse(
    prompt: str, loras: tuple[PlannedLora, ...], catalog: Catalog, findings: Findings
) -> None:
    """Remarks on adapters of the catalog that will hardly act as they are asked for."""
    rows = (catalog.loras[lora.name] for lora in loras if not lora.path)
    for row in rows:
        if row.trigger and row.trigger.lower() not in prompt.lower():
            findings.warn(f"Adapter {row.name} was trained to act on {row.trigger} in the prompt.")
        if row.kind == "ic":
            findings.warn(
                f"Adapter {row.name} was trained beside a reference video; by itself it may do"
                f" little.{' Ask for it by controls.' if row.control else ''}"
            )


def with_triggers(written: str, asked: str, uses: tuple[LoraUse, ...], catalog: Catalog) -> str:
    """A prompt that was written anew, with what adapters act on where it has lost those words."""
    names = [use.name_or_path.strip() for use in uses if not is_path(use.name_or_path)]
    words = [catalog.lora(name).trigger for name in names]
    lost = (
        w for w in words if w and w.lower() in asked.lower() and w.lower() not in written.lower()
    )
    return " ".join([written, *dict.fromkeys(lost)])


def file_bytes(loras: tuple[PlannedLora, ...]) -> int:
    """Bytes of all these files; those whose size no row says are left out."""
    return sum(lora.bytes or 0 for lora in loras)


def is_path(name: str) -> bool:
    """Whether this names an adapter by its file, and not by the catalog."""
    name = name.strip().lower()
    return name.endswith(_FILES) or "/" in name or "\\" in name


def camera_prompt(
    motion: str | None, prompt: str, spec: ModelSpec, catalog: Catalog, findings: Findings
) -> str:
    """The prompt with the camera's sentence, for models that are told of it in words."""
    move = _move(motion, spec, catalog, findings)
    if move is None or spec.supports.camera != "prompt":
        return prompt
    text = " ".join(prompt.lower().split())
    said = (move.phrase.lower().rstrip("."), *move.also)
    if any(words in text for words in said):
        return prompt
    others = [m for m in catalog.camera.values() if m.phrase.lower().rstrip(".") in text]
    if others:
        findings.warn(
            f"The prompt asks for camera motion {others[0].name}, camera_motion for {move.name}."
        )
    body = prompt.rstrip()
    return f"{body}{'' if body.endswith(('.', '!', '?')) else '.'} {move.phrase}"


def camera_lora(motion: str | None, spec: ModelSpec, catalog: Catalog) -> tuple[PlannedLora, ...]:
    """The camera's adapter, for models that have one for the motion."""
    if motion is None or spec.supports.camera != "lora":
        return ()
    row = _camera_row(_key(motion), spec, catalog)
    return (planned_row(row, row.strength),) if row else ()


def refining_lora(spec: ModelSpec, catalog: Catalog) -> tuple[PlannedLora, ...]:
    """The adapter of the pass after a latent upscale, for models that need one."""
    second = spec.sampling.second_pass
    if second is None or not second.adapter:
        return ()
    row = catalog.lora(second.adapter)
    return (planned_row(row, row.strength),)


def _move(motion: str | None, spec: ModelSpec, catalog: Catalog, findings: Findings):
    if motion is None:
        return None
    known = [
        name
        for name in catalog.camera
        if spec.supports.camera == "prompt" or _camera_row(name, spec, catalog)
    ]
    if spec.supports.camera == "none" or _key(motion) not in known:
        hint = f"Use one of {', '.join(known)}." if known else "Leave camera_motion out."
        findings.problem(
            "camera_motion_unsupported",
            f"{spec.name} does not know the camera motion {show(motion)}.",
            hint,
            "camera_motion",
        )
        return None
    return catalog.camera[_key(motion)]


def _key(motion: str) -> str:
    return "_".join(motion[:60].lower().replace("-", " ").replace("_", " ").split())


def _camera_row(motion: str, spec: ModelSpec, catalog: Catalog) -> LoraSpec | None:
    rows = (row for row in catalog.loras.values() if row.kind == "camera")
    return next((row for row in rows if row.motion == motion and _fits(row.base, spec)), None)


def _fits(prefixes: tuple[str, ...], spec: ModelSpec) -> bool:
    return spec.name.startswith(prefixes) if prefixes else False


def planned_row(row: LoraSpec, strength: float) -> PlannedLora:
    """An adapter of the catalog, to be worn."""
    return PlannedLora(row.name, strength, repo=row.repo, file=row.file, bytes=row.bytes)


def _plan_one(
    use: LoraUse, spec: ModelSpec, catalog: Catalog, findings: Findings, where: str
) -> PlannedLora | None:
    if not 0 <= use.strength <= MAX_STRENGTH:
        findings.problem(
            "strength_out_of_range",
            f"The strength is {show(use.strength)}.",
            f"Use 0 to {MAX_STRENGTH:g}; 1 is as trained.",
            f"{where}.strength",
        )
    name = use.name_or_path.strip()
    if is_path(name):
        return PlannedLora(name.rsplit("/", 1)[-1], use.strength, path=name)
    try:
        row = catalog.lora(name)
    except LtxserveError as error:
        findings.problem(error.code, error.message, error.hint, f"{where}.name_or_path")
        return None
    if _fits(row.untested, spec):
        findings.warn(f"Adapter {row.name} was not made for {spec.name}; users report it loads.")
    elif not _fits(row.base, spec):
        findings.problem(
            "lora_unsupported",
            f"Adapter {row.name} was made for {', '.join(row.base)}, not for {spec.name}.",
            "Use it with that model.",
            f"{where}.name_or_path",
        )
        return None
    return planned_row(row, use.strength)
