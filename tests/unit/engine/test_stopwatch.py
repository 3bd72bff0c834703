"""Every second belongs to the stage that was entered last."""

from ltxserve.engine.stopwatch import Stopwatch


def test_seconds_by_stage_add_up():
    ticks = iter([0.0, 2.0, 3.0, 7.0, 10.0, 20.0])
    watch = Stopwatch(lambda: next(ticks))
    for stage in ("load", "denoise", "decode", "denoise", None, None):
        watch.enter(stage)
    assert watch.seconds == {"load": 2.0, "denoise": 1.0 + 3.0, "decode": 4.0}
