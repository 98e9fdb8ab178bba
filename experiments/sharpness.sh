#!/bin/sh
# Scale of the inner products in the hash loss and in eq. 6: HashNet's 10; d / 2, the authors' code; d, the paper.
dvc exp run --queue --name sharpness -S 'dah.sharpness=10.0,20.0,32.0,64.0' \
  -S 'methods=[dah]' -S 'unsupervised=[]' -S 'train.seeds=[0,1,2]' -S 'train.threads=1'
