"""One's own images to codes: an encoder, its file, its exports, and files of codes."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "encoder": [
            "Encoded",
            "Encoder",
            "assemble",
            "load_encoder",
            "load_parts",
            "with_engine",
        ],
        "file": ["EncoderParts", "read_encoder", "write_encoder"],
        "imagecodes": [
            "Header",
            "Rows",
            "check_model",
            "count_rows",
            "join",
            "read_codes_of",
            "read_header",
            "read_outputs",
            "read_rows",
            "rows_at",
            "writing",
        ],
        "inputs": ["origins"],
        "portable": ["write_onnx"],
        "predictions": ["columns", "predictions"],
        "shards": ["alone", "already_done", "encode_rest", "finish", "header_of"],
        "trained": ["Folders", "gather"],
    },
)
