"""Names places of conditions as diffusers wants them; knows no file and no model."""

from __future__ import annotations

from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

from ltxserve.engine.backends.base import ConditionFrames
from ltxserve.engine.geometry import FRAME_STEP


def placed(condition: ConditionFrames) -> LTX2VideoCondition:
    """A condition as the pipeline takes it; its pictures are used as they are."""
    return LTX2VideoCondition(
        frames=condition.frames,
        index=latent_place(condition.frame),
        strength=condition.strength,
        crf=0,  # already re-compressed, where the model wants it
    )


def latent_place(frame: int) -> float:
    """Where a pixel frame lies in latent frames: 0 for frame 0, else (frame - 1) / 8 + 1.

    diffusers names places by latent index and puts a keyframe at pixel (index - 1) * 8 + 1. A
    fraction therefore names any pixel frame, exactly so because eighths are exact in floats.
    """
    return 0 if frame == 0 else (frame - 1) / FRAME_STEP + 1
