"""Fewer steps for the same function, once a network has stopped learning."""

import copy

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode, its batch norms within the convolutions before them.

        gamma (W * x + b - mu) / s + beta = (gamma / s) W * x + gamma (b - mu) / s + beta

    with s the square root of the running variance plus epsilon. Only where nothing else sees the
    convolution's output. The outputs differ by rounding.
    """
    graph = fx.symbolic_trace(copy.deepcopy(network))
    layers = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        convolution, norm = layers[before.target], layers[node.target]
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            graph.set_submodule(before.target, fuse_conv_bn_eval(convolution, norm))
            node.replace_all_uses_with(before)
            graph.graph.erase_node(node)
    graph.recompile()
    graph.delete_all_unused_submodules()
    return graph
