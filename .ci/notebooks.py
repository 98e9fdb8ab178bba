"""Run the notebooks, each in a kernel and a folder of its own.

``python .ci/notebooks.py [NAME ...] [--show]``, the outputs too with ``--show``.

Nothing is kept: git has them without outputs. A cell that raises ends the run with its traceback.
"""

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

ROOT = Path(__file__).parents[1]
SECONDS = 600  # a cell
PRIVATE = Config({"KernelManager": {"transport_encryption": "auto"}})  # of its messages


def main(names: list[str]) -> None:
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as dah.process, on cores of others too
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        start = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        with TemporaryDirectory() as folder:
            place = {"metadata": {"path": folder}}
            options = {"timeout": SECONDS, "kernel_name": "python3", "resources": place}
            NotebookClient(notebook, config=PRIVATE, **options).execute()
        print(f"{path.name}: {time.perf_counter() - start:.0f} s")
        for cell in notebook.cells if "--show" in sys.argv else ():
            for output in cell.get("outputs", ()):
                print("   ", output.get("text") or output.get("data", {}).get("text/plain"))


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if not name.startswith("-")])
