"""Servers of the page in processes of their own, and indexes for them."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import answers, free_port, wait_for
from encoders import archive, draw, parts

from dah.__main__ import main
from dah.encoder.file import write_encoder

NAMES = [f"{i:02}.png" for i in range(30)]


def call(*arguments):
    """``python -m dah`` in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["dah", *map(str, arguments)])
        main()


def two_indexes(folder):
    """An encoder, and indexes of its codes of a folder of 7 images and of an archive of 30."""
    write_encoder(folder / "e.pt", parts())
    sets = {
        "source": draw(folder / "source", NAMES[:7]),
        "target": archive(folder / "target.tar", NAMES),
    }
    for name, images in sets.items():
        codes, index = folder / f"{name}.h5", folder / f"{name}.index"
        call("encode", folder / "e.pt", images, "-o", codes)
        call("index", codes, "-o", index)


@contextmanager
def serving(folder, arguments, state=None):
    """A server for the indexes in a folder; its address and a file with what it complains of."""
    port, errors = free_port(), folder / "errors.txt"
    url = f"http://127.0.0.1:{port}"
    with errors.open("w") as written:
        server = subprocess.Popen(
            [sys.executable, "-m", "dah", "serve", "e.pt", *arguments, "--port", str(port)],
            cwd=folder,
            env={
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "PATH": "/usr/bin:/bin",
                "OMP_NUM_THREADS": "1",
                "XDG_STATE_HOME": str(state or os.environ["XDG_STATE_HOME"]),
            },
            text=True,
            stderr=written,
            stdout=subprocess.PIPE,
        )
    with server.stdout:
        try:
            assert server.stdout.readline() == f"Open {url} in a browser; Ctrl-C ends serve\n"
            wait_for(lambda: answers(f"{url}/api/indexes"), 120)
            yield url, errors
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
    assert server.returncode == 0
    assert "Traceback" not in errors.read_text()


@contextmanager
def running(app):
    """A server in a thread; its port and uvicorn's object."""
    from dah.web import server  # noqa: PLC0415 - an extra

    with server.listening("127.0.0.1", 0) as listener:
        of = server.server_of(app)
        thread = threading.Thread(target=lambda: of.run(sockets=[listener]))
        thread.start()
        try:
            wait_for(lambda: of.started)
            yield listener.getsockname()[1], of
        finally:
            of.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
