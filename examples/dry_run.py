"""Plan before running: size, steps, memory, and every reason why a request would be refused."""

import json
from collections.abc import Sequence

from _options import read

from ltxserve import Engine, GenerationRequest, RequestRefused


def main(words: Sequence[str] | None = None) -> None:
    """Plan a request that can run, write the plan as JSON, and plan one that cannot run."""
    options = read(words, __doc__, "plan.json")
    engine = Engine()  # planning loads no model
    plan = engine.plan(GenerationRequest(prompt="a red ball rolls right", size="300x200"))
    print(
        f"{plan.generate.width}x{plan.generate.height} is generated, then {plan.fit} to "
        f"{plan.deliver.width}x{plan.deliver.height}; {plan.num_inference_steps} steps, "
        f"{plan.memory.peak / 2**20:.0f} MiB"
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(plan.to_dict(), indent=2))
    try:
        engine.plan(GenerationRequest(prompt="", width=9999, num_frames=50, fps=1000))
    except RequestRefused as refused:
        for problem in refused.problems:
            print(f"{problem.field}: {problem.message} {problem.hint}")


if __name__ == "__main__":
    main()
