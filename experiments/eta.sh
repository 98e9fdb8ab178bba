#!/bin/sh
# eta, the weight of the target entropy; 0 is DAH-e.
dvc exp run --queue --name eta -S 'dah.eta=0.0,1.0,3.0,10.0' \
  -S 'methods=[dah]' -S 'unsupervised=[]' -S 'train.seeds=[0,1,2]' -S 'train.threads=1'
