"""What a run of the pipeline makes: the names that its parameters give."""

from pathlib import Path

from dah.files.omissions import OMITTED
from dah.names import SHALLOW
from dah.params import Params

FOLDERS = (
    "raw",
    "images",
    "labels",
    "skipped",
    "tasks",
    "truth",
    "features",
    "views",
    "predictions",
    "models",
    "codes",
    "evaluation",
    "encoder",
)
LISTS = ("categories", "source", "target")


def outputs(params: Params) -> set[str]:
    """Every file that a run with these parameters makes or may make, relative to ``data/``."""
    names = {"backbone.pt", "encoder/encoder.pt"}
    names |= {f"raw/{domain}.tar" for domain in params.domains}
    for domain in params.domains:
        names |= {f"{folder}/{domain}.h5" for folder in ("images", "features", "views")}
        names |= {f"{folder}/{domain}.csv" for folder in ("labels", "skipped")}
    for task in params.tasks:
        names |= {f"truth/{task}.csv", f"evaluation/{task}.json"}
        names |= {f"tasks/{task}/{name}.csv" for name in LISTS}
        names |= {f"predictions/{task}/{name}.csv" for name in SHALLOW}
        names.add(f"predictions/{task}/{OMITTED}")
        for seed in params.train.seeds:
            names |= {f"models/{task}/{seed}/{method}.pt" for method in params.methods}
            names |= {f"codes/{task}/{seed}/{kind}/{OMITTED}" for kind in code_kinds(params)[1:]}
            kinds = (params.methods, params.transfer, params.unsupervised, params.oracles)
            for kind, methods in zip(code_kinds(params), kinds, strict=False):
                names |= {f"codes/{task}/{seed}/{kind}/{method}.h5" for method in methods}
    return names


def figures(params: Params) -> set[str]:
    """Every file, and folder of curves, that a run with these parameters makes in ``metrics/``."""
    names = {"summary.json", "others.json", "means.json", "domains.json", "report.html"}
    for task in params.tasks:
        names |= {f"{task}.json", f"curves/{task}.csv"}
        for seed in params.train.seeds:
            names |= {f"validation/{task}/{seed}.json"}
            names |= {f"training/{task}/{seed}/{method}/plots" for method in params.methods}
    return names


def stages_of(params: Params) -> set[str]:
    """The stages that these parameters make, as DVC names them."""
    names = {"check", "fetch", "backbone", "describe", "export", "report"}
    names |= {f"{stage}@{domain}" for stage in ("resize", "features") for domain in params.domains}
    for task in params.tasks:
        names |= {f"{stage}@{task}" for stage in ("split", "adapt", "evaluate")}
        for seed in params.train.seeds:
            names |= {f"{stage}@{task}-{seed}" for stage in ("encode", "transfer", "hash")}
            names |= {f"train@{task}-{method}-{seed}" for method in params.methods}
            names |= {f"oracle@{task}-{method}-{seed}" for method in params.oracles}
    return names


def code_kinds(params: Params) -> tuple[str, ...]:
    """The folders of a seed's codes."""
    kinds = "deep", "transfer", "unsupervised"
    return (*kinds, "oracle") if params.oracles else kinds


def cleared(params: Params) -> set[str]:
    """The folders that DVC empties before the stage that fills them."""
    of_tasks = {f"{folder}/{task}" for task in params.tasks for folder in ("tasks", "predictions")}
    of_seeds = {
        f"codes/{task}/{seed}/{kind}"
        for task in params.tasks
        for seed in params.train.seeds
        for kind in code_kinds(params)
    }
    return {"raw", "encoder"} | of_tasks | of_seeds


def read_whole(params: Params) -> set[str]:
    """The folders that stages depend on as a whole: DVC takes what else is in them for a change."""
    of_tasks = {f"{folder}/{task}" for task in params.tasks for folder in ("models", "codes")}
    return {"images", "features", "views", "labels", "skipped", "evaluation"} | of_tasks


def overlapping(path: Path, data: Path) -> Path | None:
    """The output that a path is, lies in, or holds; None where it is apart from all of them."""
    found = path.resolve()
    for output in (*(data / name for name in (*FOLDERS, "backbone.pt")), data.parent / "metrics"):
        whole = output.resolve()
        if found.is_relative_to(whole) or whole.is_relative_to(found):
            return output
    return None
