#!/bin/sh
# The layers that MK-MMD acts on: fc8; fc7 and fc8; fc6, fc7 and fc8.
dvc exp run --queue --name mmd-layers -S 'dah.mmd_layers=1,2,3' \
  -S 'methods=[dah]' -S 'unsupervised=[]' -S 'train.seeds=[0,1,2]' -S 'train.threads=1'
