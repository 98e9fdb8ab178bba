#!/usr/bin/env bash
# Tests of what needs packages that are too heavy for every run: Ray, LanceDB, Milvus. By hand, after
# `make install`: an environment of its own that sees the packages of .venv and adds these.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}

unset PYTHONPATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv --without-pip "$work/venv"
site=$("$python" -c 'import numpy; print(*numpy.__path__)')
own=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
dirname "$site" > "$own/packages.pth"
put() { "$python" -m pip --python "$work/venv/bin/python" install --quiet "$@"; }
put ray lancedb pymilvus
put --no-deps milvus-lite==2.5.1 'setuptools<81'  # the last one with binary vectors, what it imports
PYTHONPATH=. "$work/venv/bin/python" -m pytest "$@" \
    tests/encoder/test_cluster.py tests/search/test_databases.py
