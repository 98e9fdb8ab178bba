#!/bin/sh
# The estimate of MK-MMD: over all pairs of a batch, or over quadruples as in the paper.
dvc exp run --queue --name mmd-estimate -S 'dah.mmd_estimate=quadratic,linear' \
  -S 'methods=[dah]' -S 'unsupervised=[]' -S 'train.seeds=[0,1,2]' -S 'train.threads=1'
