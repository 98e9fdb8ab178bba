"""An encoder as one ONNX graph, its preprocessing inside, for programs without this library."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from dah.compute.graphs import OPSET, graph_of
from dah.compute.inference import folded
from dah.encoder.file import OPTIONAL, EncoderParts
from dah.files.artifacts import replacing
from dah.retrieval.codes import unpack
from dah.samples import compared, taken

PLACES = (128, 64, 32, 16, 8, 4, 2, 1)
SQUARE = """<ir_version: {ir}, opset_import: ["" : {opset}]>
preprocessing (uint8[count, height, width, 3] image) => (float[count, 3, {size}, {size}] square)
<int64[1] one = {{1}}, int64[1] three = {{3}}, int64[2] axes = {{1, 2}}, int64 two = {{2}},
 int64[2] sizes = {{{size}, {size}}}, float low = {{0}}, float high = {{255}}> {{
  shape = Shape(image)
  sides = Slice(shape, one, three)
  side = ReduceMin <keepdims = 1> (sides)
  gap = Sub(sides, side)
  start = Div(gap, two)
  end = Add(start, side)
  centre = Slice(image, start, end, axes)
  planes = Transpose <perm = [0, 3, 1, 2]> (centre)
  values = Cast <to = 1> (planes)
  scaled = Resize <antialias = 1, axes = [2, 3], mode = "cubic", cubic_coeff_a = -0.5,
    exclude_outside = 1> (values, , , sizes)
  square = Clip(scaled, low, high)
}}"""


class Portable(nn.Module):
    """From squares float ``(n, 3, size, size)`` in [0, 255] to u, packed code and probabilities.

    Eq. 6 from codes, with sums over categories as a product with M, the mean over each category's
    source images, of very many those ``compared``, so that it needs no scatter:

        p_ij = sum_k exp(z_ik - max_k z_ik) M_kj / sum over j,   z_ik = sharpness / d <h_i, h_k>

    At a temperature the shares are raised to 1 / T and divided by their sum. Categories whose share
    is below float32's smallest number get 0.
    """

    def __init__(self, parts: EncoderParts, path: Path) -> None:
        super().__init__()
        self.network = folded(parts.network(path))
        codes, y = parts.source_codes, parts.source_labels
        codes, y = taken(compared(y), codes, y)
        labels = torch.from_numpy(y)
        members = nn.functional.one_hot(labels, len(parts.categories)).float()
        self.register_buffer("means", members / members.sum(dim=0).clamp_min(1))
        signs = torch.from_numpy(unpack(codes, parts.bits))
        self.register_buffer("source", parts.sharpness / parts.bits * signs)
        self.register_buffer("places", torch.tensor(PLACES, dtype=torch.int32))
        self.edge = (parts.size - self.network.input_size) // 2
        self.padding = -parts.bits % 8
        self.temperature = parts.temperature

    def forward(self, square: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inside = slice(self.edge, self.edge + self.network.input_size)
        u = self.network(square[:, :, inside, inside] / 255).u
        ones = u >= 0
        bits = pad(ones.to(torch.int32), (0, self.padding)).unflatten(1, (-1, 8))
        code = (bits * self.places).sum(dim=2).to(torch.uint8)
        inner = (2 * ones.float() - 1) @ self.source.T
        likeness = torch.exp(inner - inner.max(dim=1, keepdim=True).values) @ self.means
        shares = likeness / likeness.sum(dim=1, keepdim=True)
        if self.temperature is not None:
            shares = shares ** (1 / self.temperature)
        return u, code, shares / shares.sum(dim=1, keepdim=True)


def write_onnx(path: Path, parts: EncoderParts) -> None:
    """Store an encoder as ONNX.

    Input ``image``: sRGB uint8 ``(n, height, width, 3)`` of any one size; its centre square is
    scaled by an antialiased bicubic filter as in ``decode``, but not rounded to whole values.
    Outputs ``u`` float32
    ``(n, bits)``, ``code`` uint8 ``(n, ceil(bits / 8))`` in the layout of ``dah.retrieval`` and
    ``probability`` float32 ``(n, C)``; the categories are in the metadata, one to a line. Raises
    ``UserError`` where onnx or onnxscript is not installed.
    """
    example = torch.zeros(2, 3, parts.size, parts.size)
    named = "square", ["u", "code", "probability"]
    network = graph_of(Portable(parts, path), example, *named)
    import onnx  # noqa: PLC0415 - an extra, which graph_of has found

    text = SQUARE.format(ir=network.ir_version, opset=OPSET, size=parts.size)
    whole = onnx.compose.merge_models(
        onnx.parser.parse_model(text), network, [("square", "square")]
    )
    told = {"categories": "\n".join(parts.categories), "fingerprint": parts.fingerprint()}
    optional = {name: getattr(parts, name) for name in OPTIONAL}
    told |= {name: str(value) for name, value in optional.items() if value is not None}
    onnx.helper.set_model_props(whole, told)
    onnx.checker.check_model(whole)
    with replacing(path) as part:
        part.write_bytes(whole.SerializeToString())
