"""Show codes, categories and nearest images on a local web page."""

from argparse import ArgumentParser
from pathlib import Path
from socket import gethostname

from dah.commands.arguments import (
    DEVICE,
    DEVICES,
    ENGINE,
    ENGINES,
    INDEX,
    MODEL,
    PICTURES,
    host_name,
    port,
)
from dah.encoder.encoder import load_encoder
from dah.encoder.shards import header_of
from dah.errors import UserError
from dah.images.named import named_now
from dah.search.index import open_index
from dah.search.kinds import faiss


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument("model", type=Path, metavar="MODEL", help=MODEL)
    command.add_argument("indexes", nargs="+", type=Path, metavar="INDEX", help=INDEX)
    command.add_argument("--host", default="127.0.0.1", help="default: this machine alone")
    command.add_argument("--port", type=port, default=8000, help="default: 8000")
    command.add_argument(
        "--allow-host", action="append", default=[], type=host_name, metavar="NAME",
        help="a name under which a reverse proxy reaches this server; again for more",
    )  # fmt: skip
    command.add_argument(
        "--pictures", action="append", default=[], type=Path, metavar="FOLDER", help=PICTURES
    )
    command.add_argument("--device", choices=DEVICES, default="auto", help=DEVICE)
    command.add_argument("--engine", choices=ENGINES, default="auto", help=ENGINE)


def run(
    model: Path,
    indexes: list[Path],
    host: str,
    port: int,
    allow_host: list[str],
    pictures: list[Path],
    device: str,
    engine: str = "auto",
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
        encoder = load_encoder(model, device, engine)
        if encoder.told:
            print(encoder.told)
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
