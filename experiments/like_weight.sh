#!/bin/sh
# The weight of pairs of one category in the hash loss; 1 leaves them unbalanced.
dvc exp run --queue --name like-weight -S 'dah.like_weight=1.0,3.0,10.0,30.0' \
  -S 'methods=[dah]' -S 'unsupervised=[]' -S 'train.seeds=[0,1,2]' -S 'train.threads=1'
