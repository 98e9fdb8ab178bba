"""Show codes, categories and nearest images on a local web page."""

from pathlib import Path
from socket import gethostname

from dah.encoder.encoder import load_encoder
from dah.encoder.shards import header_of
from dah.errors import UserError
from dah.images.named import named_now
from dah.search.index import open_index
from dah.search.kinds import faiss


def run(
    model: Path,
    indexes: list[Path],
    host: str,
    port: int,
    allow_host: list[str],
    pictures: list[Path],
    device: str,
) -> None:
    """Serve until interrupted."""
    try:
        from dah.web.app import create_app  # noqa: PLC0415 - an extra
        from dah.web.guard import hosts_of  # noqa: PLC0415 - an extra
        from dah.web.server import listening, serve  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UserError(
            f"serve needs {error.name}, which is not installed: pip install fastapi uvicorn"
        ) from error
    faiss()
    folders = named_now(pictures)
    with listening(host, port) as listener:
        encoder = load_encoder(model, device)
        opened = [open_index(path) for path in indexes]
        header, hosts = header_of(encoder, model), hosts_of(host, allow_host)
        app = create_app(encoder, header, opened, hosts, folders)
        print("\n".join(told(host, listener.getsockname()[1])), flush=True)
        serve(app, listener)


def told(host: str, port: int) -> list[str]:
    """Where the page is, as a person opens it, and who else can."""
    everywhere = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
    here = everywhere.get(host, host)
    lines = [f"Open {address(here, port)} in a browser; Ctrl-C ends serve"]
    if host in everywhere:
        lines.append(f"From other machines: {address(gethostname(), port)}; there is no login")
    return lines


def address(host: str, port: int) -> str:
    """A host's name or number and a port as a browser takes them."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
