"""The categories and codes of a task's target images by the names of their files."""

from collections.abc import Iterator, Sequence

from dah.artifacts import Codes
from dah.printable import as_cell

COLUMNS = ("file", "category", "probability", "code")


def predictions(
    codes: Codes, categories: Sequence[str], files: Sequence[str]
) -> Iterator[tuple[str, str, str, str]]:
    """One row of COLUMNS for each target image, in the order of their files' names.

    ``category``: the most probable one by eq. 6 from codes, with its ``probability``; ``code``: the
    packed code in hexadecimal digits. ``categories`` are in the order of the columns of the
    probabilities; ``files`` names the target's images in the codes' order. Names are cells of a
    table that spreadsheets open.
    """
    best = codes.probabilities.argmax(axis=1)
    for row in sorted(range(len(best)), key=lambda row: files[row]):
        yield (
            as_cell(files[row]),
            as_cell(categories[best[row]]),
            f"{codes.probabilities[row, best[row]]:.4f}",
            codes.target[row].tobytes().hex(),
        )
