"""Each plan goes its own way."""

from pathlib import Path

from ltxserve.engine.ways.create import open_way, sources
from ltxserve.engine.ways.direct import Direct
from ltxserve.engine.ways.extension import ExtensionWay
from ltxserve.engine.ways.retake import RetakeWay
from tests.tiny import planned
from tests.unit.engine.ways.given import plan_of, video


def test_ways_by_plan(tmp_path: Path):
    source = video(tmp_path)
    assert isinstance(open_way(planned()), Direct)
    assert isinstance(open_way(plan_of(video_to_video={"source": source})), Direct)
    retake = {"source": source, "start": 0, "end": 0.5}
    assert isinstance(open_way(plan_of(retake=retake)), RetakeWay)
    longer = {"source": source, "seconds": 1}
    assert isinstance(open_way(plan_of(extend=longer)), ExtensionWay)


def test_sources_are_counted(tmp_path: Path):
    source = video(tmp_path)
    assert sources(planned()) == 0
    both = plan_of(video_to_video={"source": source}, sound={"source": source})
    assert sources(both) == 2
