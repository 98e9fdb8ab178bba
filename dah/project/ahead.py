"""What a run will take, told before it starts."""

from collections.abc import Mapping

from dah.names import DEEP
from dah.params import Params

ASSUMED = 1000  # images of a domain whose number is not known yet
MINUTE, HOUR = 60, 3600


def seconds_ahead(
    params: Params, finetune: int | str, learning: float, looking: float, images: Mapping[str, int]
) -> float:
    """Of all trainings and of the features, the stages that take the time of a large trunk.

    A training sees, each epoch, as many images as the target has, and as many of the source for a
    method that is not blind to the target. `learning` and `looking` are images per second,
    `images` the number of images of each domain; those that lack there have 1000. That a head
    learns before blocks do (`train.head_epochs`) is little beside them, and left out.
    """
    trained = 0
    for task in params.tasks:
        _, target = params.domains_of(task)
        sides = sum(1 if DEEP[method].blind else 2 for method in params.methods)
        sides += len(params.oracles)
        trained += images.get(target, ASSUMED) * sides * len(params.train.seeds)
    views = 1 if finetune in ("head", "all") else 1 + params.train.views
    seen = views * sum(images.get(domain, ASSUMED) for domain in params.domains)
    return params.train.epochs * trained / learning + seen / looking


def told(
    params: Params, speeds: Mapping[int | str, float], looking: float, images: Mapping[str, int]
) -> list[str]:
    """Speeds and expected times in two lines, for each choice of ``train.finetune``."""
    unknown = [domain for domain in params.domains if domain not in images]
    assumed = f", {ASSUMED} images assumed of {', '.join(unknown)}" if unknown else ""
    rates = (f"{_named(what)} {_number(rate)}" for what, rate in speeds.items())
    times = (
        f"{_named(what)} {duration(seconds_ahead(params, what, rate, looking, images))}"
        for what, rate in speeds.items()
    )
    count = len(params.tasks) * (len(params.methods) + len(params.oracles))
    count *= len(params.train.seeds)
    return [
        f"images/s that learn on this machine: {', '.join(rates)}; that are looked at:"
        f" {_number(looking)}",
        f"expected of all {count} trainings and the features{assumed}: {', '.join(times)};"
        f" train.finetune is {params.train.finetune}",
    ]


def duration(seconds: float) -> str:
    """In the unit that fits."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"


def _named(finetune: int | str) -> str:
    if isinstance(finetune, int):
        return f"the last {finetune} blocks" if finetune > 1 else "the last block"
    return finetune if finetune in ("head", "all") else f"from {finetune} on"


def _number(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
