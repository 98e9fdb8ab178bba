#!/bin/sh
# The weight of the quantization loss; 0 leaves it out.
dvc exp run --queue --name quantization -S 'dah.quantization=0.0,0.1,1.0,10.0' \
  -S 'methods=[dah]' -S 'unsupervised=[]' -S 'train.seeds=[0,1,2]' -S 'train.threads=1'
