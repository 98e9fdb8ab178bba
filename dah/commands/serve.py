"""Show codes, categories and nearest images on a local web page."""

from ipaddress import ip_address
from pathlib import Path

from dah.encoder import load_encoder
from dah.errors import UserError
from dah.imagecodes import check_model
from dah.search.index import open_index
from dah.search.kinds import faiss
from dah.shards import header_of


def run(model: Path, indexes: list[Path], host: str, port: int, device: str) -> None:
    """Serve until interrupted."""
    try:
        import uvicorn  # noqa: PLC0415 - an extra

        from dah.web.app import LOOPBACK, create_app  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UserError(
            f"serve needs {error.name}, which is not installed: pip install fastapi uvicorn"
        ) from error
    faiss()
    encoder = load_encoder(model, device)
    opened = [open_index(path) for path in indexes]
    for index in opened:
        check_model(index.folder, index.header, header_of(encoder, model))
    hosts = LOOPBACK if is_loopback(host) else ["*"]
    uvicorn.run(create_app(encoder, opened, hosts), host=host, port=port, log_level="warning")


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
