"""The categories and codes of a task's target images by the names of their files."""

from collections.abc import Iterator, Sequence

from dah.encoding.calibration import is_far, tempered
from dah.files.artifacts import Codes
from dah.printable import as_cell
from dah.retrieval.reach import NONE


def columns(codes: Codes) -> tuple[str, ...]:
    """The head of ``predictions``; what was not calibrated is a score and no probability."""
    return (
        "file",
        "category",
        "score" if codes.temperature is None else "probability",
        "code",
        "nearest",
    )


def predictions(
    codes: Codes, categories: Sequence[str], files: Sequence[str]
) -> Iterator[tuple[str, str, str, str, str]]:
    """One row of ``columns`` for each target image, in the order of their files' names.

    ``nearest``: the most probable category by eq. 6 from codes, with its ``probability``, which is
    calibrated if it can be; ``category``: the same, or that of none where the code is far from all
    source codes; ``code``: the packed code in hexadecimal digits. ``categories`` are in the order
    of the columns of the probabilities; ``files`` names the target's images in the codes' order.
    Names are cells of a table that spreadsheets open.
    """
    T, far = codes.temperature, is_far(codes)
    p = codes.probabilities if T is None else tempered(codes.probabilities, T)
    best = codes.probabilities.argmax(axis=1)
    for row in sorted(range(len(best)), key=lambda row: files[row]):
        yield (
            as_cell(files[row]),
            NONE if far[row] else as_cell(categories[best[row]]),
            f"{p[row, best[row]]:.4f}",
            codes.target[row].tobytes().hex(),
            as_cell(categories[best[row]]),
        )
