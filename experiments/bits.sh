#!/bin/sh
# d, the length of the codes.
dvc exp run --queue --name bits -S 'dah.bits=16,32,64,96,128' \
  -S 'methods=[dah]' -S 'unsupervised=[]' -S 'train.seeds=[0,1,2]' -S 'train.threads=1'
