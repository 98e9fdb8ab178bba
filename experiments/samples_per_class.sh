#!/bin/sh
# K, the images of each source category in a batch.
dvc exp run --queue --name samples -S 'dah.samples_per_class=2,5,10' \
  -S 'methods=[dah]' -S 'unsupervised=[]' -S 'train.seeds=[0,1,2]' -S 'train.threads=1'
