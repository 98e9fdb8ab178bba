"""Data sets by their names in ``params.yaml``: the one list, with what is published of each."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """A published data set: its images per domain, its categories, and where it is to be had.

    ``urls``: of its archive; empty where torchvision has a fetcher for it. ``fixed``: an archive or
    folder that holds other numbers of images is not the data set.
    """

    images: Mapping[str, int]
    categories: int
    urls: tuple[str, ...]
    page: str
    fixed: bool = True


def _drive(file: str, key: str) -> tuple[str, ...]:
    """Google Drive's addresses of a file; those of before 2021 ask for a resource key."""
    host = "https://drive.usercontent.google.com"
    return (
        f"{host}/download?id={file}&export=download&confirm=t&resourcekey={key}",
        f"https://drive.google.com/uc?id={file}",
    )


# None: made here, or whatever the user has.
LAYOUTS: dict[str, Layout | None] = {
    "digits": None,
    "office31": Layout(
        images={"amazon": 2817, "dslr": 498, "webcam": 795},
        categories=31,
        urls=_drive("0B4IapRTv9pJ1WGZVd1VDMmhwdlE", "0-gNMHVtZfRAyO_t2_WrOunA"),
        page="https://drive.google.com/file/d/0B4IapRTv9pJ1WGZVd1VDMmhwdlE/view"
        "?resourcekey=0-gNMHVtZfRAyO_t2_WrOunA",
    ),
    "office_home": Layout(
        images={"Art": 2427, "Clipart": 4365, "Product": 4439, "RealWorld": 4357},
        categories=65,
        urls=_drive("0B81rNlvomiwed0V1YUxQdC1uOTg", "0-2SNWq0CDAuWOBRRBL7ZZsw"),
        page="https://www.hemanthdv.org/officeHomeDataset.html",
    ),
    "mnist_usps": Layout(
        images={"mnist": 70000, "usps": 9298},
        categories=10,
        urls=(),
        page="https://docs.pytorch.org/vision/stable/datasets.html",
        fixed=False,
    ),
    "folder": None,
}
