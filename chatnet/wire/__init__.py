"""The AMP vocabulary: what processes say to each other. One file per conversation; no logic but framing.

boxes       the boxes in a stream of bytes
encode      the most frequent boxes, made by hand             (pure)
arguments   the types of the values, and Command, the base of all commands
common      every link: Ping; every cluster link: Challenge, Prove
locate      client -> master: where is a worker?
session     client <-> worker: log in, join, post, hear
log         worker -> primary: append to the log, follow it, read it
marks       worker <-> primary: how far users have read
presence    worker <-> primary: who is connected where
imprints    worker <-> primary: which passwords were right
typists     worker <-> primary: who is typing where
cluster     worker <-> primary: join the cluster, report, shut down
replica     replica <-> primary: stand by, and what the next primary must know
operate     operator -> primary: status, stop, step down
table       every command: who may send it, when, how often, how large, and what it may cost    (pure)
"""
