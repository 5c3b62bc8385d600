"""A small fuzzer: it speaks to every port of a cluster, in every state, what nobody should say.

``PYTHONPATH=tests python -m hostile.fuzz --help``. Everything is drawn from a seed and the number of a
*visit*: one connection, its state, what is said there, how it is cut into pieces, how it ends. So what breaks
something can be said again.

values      values of every type of the vocabulary: usual, hostile, missing
inputs      boxes and bytes, drawn or mutated
mouth       a connection on which anything can be said
states      where a connection can be, and how it gets there
visits      one connection
speaker     the process that makes visits, many at a time
rounds      a cluster, honest users, and a speaker beside them; what was noticed
same        the same commands to two stores, and their answers side by side
"""
