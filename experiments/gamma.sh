#!/bin/sh
# gamma, the weight of MK-MMD: candidates for `python -m dah select`.
dvc exp run --queue --name gamma -S 'dah.gamma=30,100,300,1000' \
  -S 'methods=[dah]' -S 'unsupervised=[]' -S 'train.seeds=[0,1,2]' -S 'train.threads=1'
