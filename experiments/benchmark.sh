#!/bin/sh
# Every method on every task of a preset's data set, seeds 0, 1 and 2, and all tables, published figures of other
# methods among them: experiments/benchmark.sh office31_mobilenet [-S dah.bits=16 ...]
set -e
python -m dah preset "$1"
name=$1
shift
dvc exp run --name "benchmark-$name" -S 'train.seeds=[0,1,2]' -S 'train.threads=1' "$@"
python -m dah results --all
