"""Trunks, their weights and cuts, the hash head, DANN's critic, folding, networks in files."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "adversary": ["Critic", "domain_loss", "reversal_weight"],
        "build": ["TRUNKS", "build_trunk"],
        "checkpoints": ["load_network", "load_trunk", "network_of", "read_model", "write_model"],
        "cuts": ["block_names", "cut"],
        "folding": ["fold_batch_norms"],
        "heads": ["Network", "Outputs", "build_network"],
        "matconvnet": ["convert_matconvnet"],
        "weights": ["check_source", "load_weights"],
    },
)
