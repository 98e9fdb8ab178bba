#!/usr/bin/env bash
# A wheel in an environment of its own, far from the clone: a project by `dah init`, its pipeline made
# small, what an update would run again, an encoder's file, codes, an index, a search, the page.
# With --empty the environment gets all packages anew, else it sees those of .venv. A wheel that is
# named is taken, else one is built.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}

unset PYTHONPATH
work=$(mktemp -d)
page=
trap 'if [ -n "$page" ]; then kill "$page"; fi; rm -rf "$work"' EXIT
start=$SECONDS
say() { echo "$((SECONDS - start)) s: $*"; }

empty=
if [ "${1:-}" = --empty ]; then empty=yes && shift; fi
if [ $# = 0 ]; then
    "$python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work" .
    rm -rf build
    set -- "$work"/dah-*.whl
fi
wheel=$(realpath "$1")
say "${wheel##*/}"

"$python" -m venv --without-pip "$work/venv"
put() { "$python" -m pip --python "$work/venv/bin/python" install --quiet "$@"; }
if [ -n "$empty" ]; then
    put "${wheel}[pipeline,serve]"
else
    put --no-deps "$wheel"
    site=$("$python" -c 'import numpy; print(*numpy.__path__)')
    own=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    dirname "$site" > "$own/packages.pth"
fi
export PATH="$work/venv/bin:$PATH"
cd "$work"
python -c 'import dah, sys; assert dah.__file__.startswith(sys.prefix), dah.__file__'
say "installed"

dah init project
cd project
git init --quiet
git add --all
git -c user.name=wheel -c user.email=wheel@localhost commit --quiet --message begin
for change in '/^  - \(hand-\)\?scene$/d' '/^  - dah-[ep]$/d' '/^  - noda/d' '/^  - \(kmeans\|ba\|bdnn\)$/d' \
    's/^  epochs: 36/  epochs: 2/'; do
    sed -i.before "$change" params.yaml
done
python -m dvc repro --quiet 2> ../errors.txt || { cat ../errors.txt; exit 1; }
dah results
say "the pipeline ran"

# That nothing else runs, and what an update runs, tests/commands/test_init.py proves by running it.
changed() { python -m dvc status | sed -n 's/^\([^[:space:]]*\):$/\1/p'; }
test "$(changed)" = library # which looks whether it was updated
echo '# changed' >> "$(python -c 'import dah.hashing; print(dah.hashing.__file__)')"
python -m dvc repro --quiet --single-item library
changed | tee ../changed.txt
grep -q '^hash@' ../changed.txt
grep -q '^transfer@' ../changed.txt
if grep -q '^train@' ../changed.txt; then exit 1; fi
say "an update would run again what it changes"

dah export data/models/print-hand/0/dah.pt -o ../exported.pt
cp data/encoder/encoder.pt ..
cp data/raw/hand.tar ..
cd ..
rm -rf project
dah encode encoder.pt hand.tar -o hand.h5
dah index hand.h5 -o hand.index
mkdir queries
tar --extract --file hand.tar --directory queries
query=$(find queries -type f | sort | sed -n 1p) # which reads to the end, so that no pipe breaks
dah search hand.index "$query" -k 3 | tee found.txt
test "$(wc -l < found.txt)" = 4
cut -f 4 found.txt | sed -n 2p | grep -qx 0 # an image finds itself, or its like
dah serve encoder.pt hand.index --port 0 > served.txt 2>&1 &
page=$!
for _ in $(seq 240); do
    address=$(grep -o -m 1 'http://[0-9.:]*' served.txt) && break
    sleep 0.5
done
curl --silent --fail --max-time 60 --output page.html "$address"
grep -q '<html' page.html
say "the page answers at its address; encoder, codes, index, search are right"
