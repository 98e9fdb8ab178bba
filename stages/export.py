"""The encoder to give away: a network, its source codes and categories in one file.

Of the first task, the first seed and the first of ``methods`` that has codes.
"""

from argparse import Namespace

from dah.encoder.file import write_encoder
from dah.encoder.trained import Folders, gather
from dah.names import DEEP
from dah.params import Params
from stages.command import run


def main(params: Params, given: Namespace) -> None:
    given.out.mkdir(parents=True, exist_ok=True)
    coded = [name for name in params.methods if not DEEP[name].softmax]
    if not coded:
        print("no encoder: methods has none with codes")
        return
    codes = given.codes / f"{coded[0]}.h5"
    parts = gather(given.models / f"{coded[0]}.pt", Folders(codes, given.lists, given.images))
    write_encoder(given.out / "encoder.pt", parts)
    print(f"{given.out / 'encoder.pt'}: {coded[0]}, {parts.bits} bits")


if __name__ == "__main__":
    run(main, "--models", "--codes", "--lists", "--images", "--out")
