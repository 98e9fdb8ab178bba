#!/bin/sh
# All that a GPU is asked to show, one table at the end; about 25 minutes on one H100 or H200.
# Arguments: Office-31 (archive or folder), MobileNetV2's weights, tf_efficientnet_lite2's weights.
set -eu
cd "$(dirname "$0")/.."
record=$(mktemp)
pytest -q tests/test_cuda.py
python benchmarks/gpu.py speed repeat --record "$record"
python benchmarks/gpu.py office31 --images "$1" --mobilenet "$2" --lite2 "$3" --record "$record"
python benchmarks/gpu.py table --record "$record"
