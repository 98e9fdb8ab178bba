"""Small files that unpack to something large, or that go on and on."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import h5py
from PIL import Image

Attacks = dict[str, Callable[[], bytes]]  # by name, each made when it is called
PIECE = 2**24


def hdf5_of(
    attributes: Mapping[str, Any],
    arrays: Mapping[str, Any],
    empty: Mapping[str, Mapping[str, Any]] | None = None,
) -> bytes:
    """An HDF5 file of arrays or links, and of data sets that are only declared."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs.update(attributes)
        for name, value in arrays.items():
            file[name] = value
        for name, options in (empty or {}).items():
            file.create_dataset(name, **options)
    return memory.getvalue()


def zip_of_zeros(members: int, size: int, told: int) -> bytes:
    """A zip of images of `size` zeros each, whose headers tell the size `told`."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a/c/000.png", bytes(size))
    one = bytearray(memory.getvalue())
    start = one.rindex(b"PK\x01\x02")
    end = one.rindex(b"PK\x05\x06")
    struct.pack_into("<I", one, 22, told)
    struct.pack_into("<I", one, start + 24, told)
    local, central = b"", b""
    for number in range(members):
        name = b"%03d.png" % number
        entry = bytearray(one[start:end])
        struct.pack_into("<I", entry, 42, len(local))
        central += entry.replace(b"000.png", name)
        local += one[:start].replace(b"000.png", name)
    counts = struct.pack("<HHHHIIH", 0, 0, members, members, len(central), len(local), 0)
    return local + central + b"PK\x05\x06" + counts


def tar_of(headers: Sequence[tarfile.TarInfo], pax: Mapping[str, str] | None = None) -> bytes:
    """A tar of headers without contents; `pax` is what an extended header says of each."""
    written = b""
    for header in headers:
        if pax:
            body = tarfile.TarInfo._create_pax_generic_header(pax, tarfile.XHDTYPE, "utf-8")
            written += body
        written += header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return written + bytes(1024)


def gzip_zeros(kind: bytes, size: int, members: int = 1, after: int = 0) -> bytes:
    """A tar.gz whose members are `size` zeros each, and zeros after its end."""
    piece = gzip.compress(bytes(PIECE), 9)

    def packed_zeros(count: int) -> bytes:
        return piece * (count // PIECE) + gzip.compress(bytes(count % PIECE), 9)

    packed = b""
    for number in range(members):
        header = tarfile.TarInfo(f"a/c/{number}.png")
        header.type, header.size = kind, size
        packed += gzip.compress(header.tobuf(tarfile.GNU_FORMAT)) + packed_zeros(
            -(-size // 512) * 512
        )
    return packed + gzip.compress(bytes(1024)) + packed_zeros(after)


def zeros(count: int) -> bytes:
    """Zeros as zlib packs them."""
    packer = zlib.compressobj(1)
    pieces = [packer.compress(bytes(min(PIECE, count - i))) for i in range(0, count, PIECE)]
    return b"".join([*pieces, packer.flush()])


def png_of_zeros(side: int, colour: int, depth: int, text: int = 0, profile: int = 0) -> bytes:
    """A black square, its data packed piece by piece; texts and profiles of zeros."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", zlib.crc32(kind + body)
        )  # fmt: skip

    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = 1 + -(-side * channels * depth // 8)
    chunks = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    if profile:
        chunks += chunk(b"iCCP", b"x\0\0" + zeros(profile))
    if text:
        chunks += chunk(b"zTXt", b"x\0\0" + zeros(text))
    return b"\x89PNG\r\n\x1a\n" + chunks + chunk(b"IDAT", zeros(row * side)) + chunk(b"IEND", b"")


def tiff_of(width: int, height: int, samples: int, data: bytes, following: int = 0) -> bytes:
    """A TIFF of one strip of 8 bits a sample, deflated, whose next directory is `following`."""
    start = 8 + 2 + 9 * 12 + 4
    bits = struct.pack("<4H", *[8] * 4)
    fields = {
        256: (4, 1, width), 257: (4, 1, height), 258: (3, samples, start if samples > 2 else 8),
        259: (3, 1, 8), 262: (3, 1, 2 if samples > 2 else 1), 273: (4, 1, start + len(bits)),
        277: (3, 1, samples), 278: (4, 1, height), 279: (4, 1, len(data)),
    }  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, *field) for tag, field in fields.items())
    directory = struct.pack("<H", len(fields)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8) + directory + bits + data


def jpeg_of_scans(scans: int, side: int) -> bytes:
    """A progressive grey JPEG that refines nothing again and again over all of its blocks."""
    memory = io.BytesIO()
    Image.new("L", (64, 64), 128).save(memory, "JPEG", progressive=True)
    data = bytearray(memory.getvalue())
    frame = data.index(b"\xff\xc2")
    struct.pack_into(">HH", data, frame + 5, side, side)
    start = data.index(b"\xff\xda")
    tables = bytearray(data[:start])
    # A table whose codes of 1 and 2 bits mean 14 bits of run length and the end of a block.
    tables += b"\xff\xc4" + struct.pack(">HB", 21, 0x10) + bytes([1, 1]) + bytes(14) + b"\xe0\x00"
    blocks, bits = (-(-side // 8)) ** 2, ""
    while blocks > 0:
        run = min(blocks, 2**15 - 1)
        if run < 2**14:
            bits += "10" * run
        else:
            bits += "0" + f"{run - 2**14:014b}"
        blocks -= run
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 63, 0) + coded
    return bytes(tables) + scan * scans + b"\xff\xd9"


def gif_of_one_colour(width: int, height: int) -> bytes:
    """A GIF whose screen is large and whose one frame is small."""
    memory = io.BytesIO()
    Image.new("P", (4, 4)).save(memory, "GIF")
    data = memory.getvalue()
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


def nested_cells(header: bytes, depth: int) -> bytes:
    """A MATLAB 5 file of one cell in one cell in one cell."""
    content = b""
    for level in range(depth):
        name = b"" if level < depth - 1 else b"layers"
        stored = struct.pack("<II", 1, len(name)) + name.ljust(-(-len(name) // 8) * 8, b"\0")
        flags = struct.pack("<IIII", 6, 8, 1, 0)
        sides = struct.pack("<IIii", 5, 8, 1, 1) if content else struct.pack("<IIii", 5, 8, 0, 0)
        body = flags + sides + stored + content
        content = struct.pack("<II", 14, len(body)) + body
    return header + content
