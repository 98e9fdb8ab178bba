"""HDF5, tables, tensors and locks: written whole or not at all, read with suspicion."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "artifacts": [
            "Codes",
            "read_codes",
            "read_features",
            "read_images",
            "read_pictures",
            "replacing",
            "unwritable",
            "write_codes",
            "write_features",
            "write_images",
        ],
        "hdf5": [
            "array_in",
            "as_bytes",
            "as_text",
            "creating",
            "number_in",
            "read_names",
            "read_texts",
            "reading",
            "text_in",
            "text_type",
            "write_texts",
        ],
        "locks": ["held"],
        "omissions": ["NO_LABELS", "OMITTED", "foreseen", "read_omissions", "write_omissions"],
        "tables": [
            "CATEGORIES",
            "CURVE",
            "LABELS",
            "PREDICTIONS",
            "SKIPPED",
            "SOURCE",
            "TARGET",
            "TRUTH",
            "as_integers",
            "read_figures",
            "read_json",
            "read_table",
            "rows_of",
            "write_json",
            "write_table",
        ],
        "tensors": ["is_weight", "load_safetensors", "load_tensors", "save_tensors"],
    },
)
