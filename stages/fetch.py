"""Obtain the data set: one archive per domain."""

from argparse import Namespace
from pathlib import Path

from tqdm import tqdm

from dah.images import digits
from dah.images.archives import write_tar
from dah.images.fetch import obtain
from dah.params import Params
from dah.printable import printable
from stages.command import run


def main(params: Params, given: Namespace) -> None:
    name, path = params.dataset.name, params.dataset.path
    if name == "digits":
        for domain in tqdm(params.domains, desc="fetch", unit="domain"):
            write_tar(given.out / f"{domain}.tar", digits.members(domain, params.dataset.seed))
        return
    sources = {params.domains_of(task)[0] for task in params.tasks}
    fetched = obtain(
        name,
        None if path is None else Path(path).expanduser(),
        params.domains,
        given.out,
        cache=given.downloads,
        checksums=given.checksums,
        targets=set(params.domains) - sources,
    )
    for domain, count in fetched.images.items():
        how = "" if fetched.labelled[domain] else ", in no categories"
        print(f"{domain}: {count} images{how}")
    for suffix, count in sorted(fetched.others.items()):
        end = f"*{printable(suffix)}" if suffix else "without a suffix"
        print(f"passed over {count} files {end}")


if __name__ == "__main__":
    run(main, "--out", "--downloads", "--checksums")
