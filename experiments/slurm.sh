#!/bin/sh
#SBATCH --job-name=dah
#SBATCH --cpus-per-task=4
# A sweep on a cluster with SLURM, an experiment a job, in the clone's root on a file system that all
# machines see:
#     sh experiments/slurm.sh experiments/gamma.sh [--gpus=1 --time=4:00:00 ... of sbatch]
# The sweep is put into DVC's queue as without SLURM, and taken from it as an array of jobs. Each runs
# its experiment in a clone of its own on the machine's disk, with this clone's cache, and pushes it
# here: `dvc exp show`, `python -m dah experiments`. A job that failed runs again with --array=N of it.
set -eu
if [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
    stash=refs/exps/celery/stash
    if git rev-parse --quiet --verify "$stash" > /dev/null; then
        echo "slurm.sh: DVC's queue is not empty; run it, or empty it: dvc queue remove --queued" >&2
        exit 1
    fi
    sh "$1"
    shift
    sweep=$(mktemp -d "$(pwd)/.dvc/tmp/slurm.XXXXXX")
    git rev-parse HEAD > "$sweep/commit"
    count=0
    for queued in $(git log --walk-reflogs --format=%H "$stash"); do
        git show "$queued:params.yaml" > "$sweep/$count.yaml"
        count=$((count + 1))
    done
    if [ $count = 0 ]; then
        echo "slurm.sh: the sweep put nothing into DVC's queue" >&2
        exit 1
    fi
    dvc cache dir > "$sweep/cache"
    DAH_SWEEP=$sweep sbatch --export=ALL --array="0-$((count - 1))" "$@" "$0"
    dvc queue remove --queued
    exit
fi

clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
trap 'exit 1' TERM INT # a time limit too ends by EXIT
name=$(basename "$DAH_SWEEP" | tr . -)-$SLURM_ARRAY_TASK_ID
git clone --quiet "$SLURM_SUBMIT_DIR" "$clone/dah"
cd "$clone/dah"
git checkout --quiet --detach "$(cat "$DAH_SWEEP/commit")"
dvc cache dir --local "$(cat "$DAH_SWEEP/cache")"
cp "$DAH_SWEEP/$SLURM_ARRAY_TASK_ID.yaml" params.yaml
dvc exp run --name "$name"
dvc exp push --no-cache origin "$name"
