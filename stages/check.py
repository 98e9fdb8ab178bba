"""Refuse mistakes in the parameters before any work starts, and clear what other runs left."""

from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

from dah.compute.devices import choose_device, use_precision, use_threads
from dah.compute.speed import looking_speed, speeds
from dah.errors import UserError
from dah.files.artifacts import replacing
from dah.images.fetch import LAYOUTS, check_domains
from dah.networks.build import build_trunk
from dah.networks.cuts import WHOLE, cut
from dah.networks.shapes import shapes_alone
from dah.networks.weights import check_source
from dah.params import Params
from dah.project.ahead import told
from dah.project.costs import keep_costs
from dah.project.leftovers import (
    add_to_record,
    by_folder,
    former_figures,
    refuse_loss,
    remove,
)
from dah.project.outputs import stages_of
from dah.project.root import METRICS
from dah.project.storage import Storage
from stages.command import COST, run

GRAPHS = "onnx", "onnxscript", "onnxruntime"  # what backbone.engine: onnx takes


def exists(path: str) -> bool:
    """Whether there is a file or folder of that name."""
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError):  # a name that is too long, a user who is not there
        return False


def expected_costs(params: Params) -> list[str]:
    """What the run will take by the speed of this machine, in lines."""
    use_threads(params.train.threads)
    use_precision(params.train.precision)
    device, trunk = choose_device(params.train.device), build_trunk(params.backbone.name)
    rates = speeds(trunk, params.dah.bits, params.train, device)
    looking = looking_speed(trunk, device)
    layout = LAYOUTS.get(params.dataset.name)
    return told(params, rates, looking, layout.images if layout else {})


def main(params: Params, given: Namespace) -> None:
    path = params.dataset.path
    check_domains(params.dataset.name, params.domains)
    if path is not None and not exists(path):
        raise UserError(f"dataset.path: there is no {path[:200]!r}; set it to an archive or folder")
    device = choose_device(params.train.device)
    lacking = [name for name in GRAPHS if find_spec(name) is None]
    if params.backbone.engine == "onnx" and device.type == "cpu" and lacking:
        raise UserError(
            f"backbone.engine: onnx needs {', '.join(lacking)}, not installed here: pip install"
            " 'dah[onnx]', or set it to torch"
        )
    if params.backbone.weights != "train":
        check_source(params.backbone.name, params.backbone.weights)
    with shapes_alone():
        trunk = build_trunk(params.backbone.name)
    if params.train.finetune not in WHOLE:
        cut(trunk, params.train.finetune)
    if params.images.size < trunk.input_size:
        raise UserError(
            f"images.size is {params.images.size}, but {params.backbone.name} sees squares of"
            f" {trunk.input_size} pixels; set it to at least {trunk.input_size}"
        )
    if params.unsupervised and params.dah.bits > trunk.widths[-1]:
        print(
            f"{', '.join(params.unsupervised)} will be left out: dah.bits is {params.dah.bits}, but"
            f" fc7 of {params.backbone.name} has {trunk.widths[-1]} units; lower it to have them"
        )
    found = refuse_loss(Path(), given.data, params)
    remove(found.left, given.data)
    for name in by_folder(found.left):
        print(f"removed {name}: nothing that is listed makes it, and DVC's cache has it")
    for name in by_folder(found.strange):
        print(
            f"left {name}: no run on record made it, or DVC's cache lacks it; move it elsewhere,"
            " since DVC takes it for a change of the stages that read its folder"
        )
    former = former_figures(METRICS, params, Storage(Path()))
    remove(former, METRICS)
    for name in by_folder(former):
        print(f"removed {name}: figures of what is no longer listed")
    add_to_record(given.data, params)
    keep_costs(COST, stages_of(params))
    for line in expected_costs(params):
        print(line)
    with replacing(given.out) as part:
        part.write_text("checked\n", encoding="utf-8")
    print(f"{len(params.tasks)} tasks, {len(params.methods)} methods, {params.dah.bits} bits")


if __name__ == "__main__":
    run(main, "--data", "--out")
