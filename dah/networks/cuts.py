"""A trunk in two: the blocks below, which stay as they are, and those above, which learn."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import fx, nn

from dah.errors import UserError

WHOLE = "all", "head"  # what learns where no trunk is cut
SHOWN = 40  # names in a message
NOTHING = nn.Identity, nn.Dropout  # of the trunks here, which have no dropout


@dataclass(frozen=True)
class Cut:
    """Both parts of a trunk, which share its weights: ``upper(lower(images))`` is its output.

    `lower`: images to one float ``(n, ...)``; `upper`: that to the trunk's activations, without one
    that is its very input. `name` is that of the lowest layer of `upper`.
    """

    lower: nn.Module
    upper: nn.Module
    name: str


def cut(trunk: nn.Module, finetune: int | str) -> Cut:
    """Cut a trunk of ``build_trunk`` so that its last N blocks, or a layer and all above, learn.

    A block is a layer or module with a matrix or a convolution through whose input alone an image
    reaches all that follows; norms, activations and pooling belong to the block below them. A name
    is a block's, or that of the module that it stands in (``layer4`` of a ResNet). Raises
    ``UserError`` where there is no such block, with the names that there are.
    """
    graph = _traced(trunk)
    blocks = _blocks(trunk, graph)
    names = [_told(node) for node in blocks]
    if isinstance(finetune, int):
        if finetune > len(blocks):
            limit = f"below its last {len(blocks)} at most" if blocks else "nowhere"
            raise UserError(
                f"train.finetune: {finetune} blocks are to learn, and this trunk can be cut"
                f" {limit}; set it to all or head{_choice(names)}"
            )
        place = len(blocks) - finetune
    else:
        found = [i for i, name in enumerate(names) if f"{name}.".startswith(f"{finetune}.")]
        if not found:
            raise UserError(
                f"train.finetune: the trunk cannot be cut below a layer {finetune[:100]!r}; set it"
                f" to all or head{_choice(names)}"
            )
        place = found[0]
    return Cut(*_parts(trunk, graph, blocks[place]), names[place])


def block_names(trunk: nn.Module) -> list[str]:
    """The blocks below which a trunk can be cut, from the lowest to the highest."""
    return [_told(node) for node in _blocks(trunk, _traced(trunk))]


class _Tracer(fx.Tracer):
    """Follows an image through a trunk, and looks into what holds most of its weights alone."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.half = _weights(trunk) / 2

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if type(m) is nn.Sequential:
            return False
        return m.__module__.startswith("torch.nn") or _weights(m) <= self.half


def _traced(trunk: nn.Module) -> fx.Graph:
    training = trunk.training
    try:
        graph = _Tracer(trunk.eval()).trace(trunk)
    except Exception as error:  # whatever a model's own code makes of a stand-in for an image
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"train.finetune: this trunk is no chain of layers that can be followed ({reason}); set"
            " it to all or head"
        ) from error
    finally:
        trunk.train(training)
    for node in list(graph.nodes):
        if node.op == "call_module" and isinstance(trunk.get_submodule(node.target), NOTHING):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    return graph


def _weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _blocks(trunk: nn.Module, graph: fx.Graph) -> list[fx.Node]:
    """The nodes that a cut may lie below, without the lowest block: below it is the image."""
    nodes, seen, found = list(graph.nodes), _of_image(graph), []
    for place, node in enumerate(nodes):
        if node.op != "call_module" or node not in seen:
            continue
        module = trunk.get_submodule(node.target)
        if not any(p.ndim > 1 for p in module.parameters()):
            continue
        single = len(_alive(nodes, place, seen)) == 1
        shared = _owners(trunk, nodes[:place]) & _owners(trunk, nodes[place:])
        found.append(node if single and not shared else None)
    return [node for node in found[1:] if node is not None]


def _of_image(graph: fx.Graph) -> set[fx.Node]:
    """The nodes whose values depend on the image."""
    seen: set[fx.Node] = set()
    for node in graph.nodes:
        if node.op == "placeholder" or seen.intersection(node.all_input_nodes):
            seen.add(node)
    return seen


def _alive(nodes: list[fx.Node], place: int, seen: set[fx.Node]) -> list[fx.Node]:
    """What was made of the image before a place and is used from there on."""
    later = set(nodes[place:])
    return [node for node in nodes[:place] if node in seen and later.intersection(node.users)]


def _owners(trunk: nn.Module, nodes: list[fx.Node]) -> set[int]:
    """The weights that modules among some nodes have."""
    modules = (trunk.get_submodule(node.target) for node in nodes if node.op == "call_module")
    return {id(parameter) for module in modules for parameter in module.parameters()}


def _parts(trunk: nn.Module, graph: fx.Graph, first: fx.Node) -> Iterator[nn.Module]:
    nodes, seen = list(graph.nodes), _of_image(graph)
    place = nodes.index(first)
    (alive,) = _alive(nodes, place, seen)
    lower, upper = fx.Graph(), fx.Graph()
    below: dict[fx.Node, fx.Node] = {}
    for node in nodes[:place]:
        below[node] = lower.node_copy(node, below.__getitem__)
    lower.output(below[alive])
    above = {alive: upper.placeholder("x")}
    for node in (*(n for n in nodes[:place] if n not in seen), *nodes[place:-1]):
        above[node] = upper.node_copy(node, above.__getitem__)
    upper.output(tuple(above[node] for node in nodes[-1].args[0] if node is not alive))
    for graph_of in (lower, upper):
        part = fx.GraphModule(trunk, graph_of)
        part.graph.eliminate_dead_code()
        part.delete_all_unused_submodules()
        part.recompile()
        yield part


def _told(node: fx.Node) -> str:
    """A layer's name within the model, as its publisher has it."""
    return str(node.target).removeprefix("model.")


def _choice(names: list[str]) -> str:
    """The blocks by name, from the highest."""
    more = f" and {len(names) - SHOWN} below them" * (len(names) > SHOWN)
    return f", or to one of the layers {', '.join(reversed(names[-SHOWN:]))}{more}" if names else ""
