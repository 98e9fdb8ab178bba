"""What earlier runs left in folders that a stage depends on as a whole."""

from collections.abc import Iterator
from pathlib import Path

from dah.params import Params


def leftovers(data: Path, params: Params) -> Iterator[Path]:
    """Files and folders below `data` that no stage of a run with these parameters makes.

    Those of domains, tasks, seeds and methods that are no longer listed. DVC hashes such a folder
    whole, so that what is left in it would be a change of the stages that read it; its cache still
    holds them.
    """
    seeds = [str(seed) for seed in params.train.seeds]
    kinds = ["deep", "unsupervised", *(["oracle"] if params.oracles else [])]
    made: dict[str, list[str]] = {
        **{key: [f"{name}.h5" for name in params.domains] for key in ("images", "features")},
        **{key: [f"{name}.csv" for name in params.domains] for key in ("labels", "skipped")},
        "evaluation": [f"{task}.json" for task in params.tasks],
    }
    for task in params.tasks:
        made |= {f"{stage}/{task}": seeds for stage in ("models", "codes")}
        for seed in seeds:
            made[f"models/{task}/{seed}"] = [f"{method}.pt" for method in params.methods]
            made[f"codes/{task}/{seed}"] = kinds
            made[f"codes/{task}/{seed}/oracle"] = [f"{method}.h5" for method in params.oracles]
    for folder, names in made.items():
        yield from (path for path in sorted((data / folder).glob("*")) if path.name not in names)


def runs_of(params: Params) -> set[str]:
    """What stands after ``@`` in the names of the stages that these parameters make."""
    runs = {*params.domains, *params.tasks}
    for task in params.tasks:
        for seed in params.train.seeds:
            runs |= {f"{task}-{seed}"}
            runs |= {f"{task}-{m}-{seed}" for m in (*params.methods, *params.oracles)}
    return runs
