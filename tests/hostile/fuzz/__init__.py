"""A small fuzzer: it says to every port of a cluster, in every state, what nobody should say.

``PYTHONPATH=tests python -m hostile.fuzz --help``. Everything is drawn from a seed and the number of a
*visit*: a connection, its state, what is said there, how that is cut into pieces, and how the visit ends. So
an input that breaks something can be sent again.

values      values of every type of the vocabulary: usual, hostile, missing
inputs      boxes and bytes, drawn or mutated
mouth       a connection that can say anything
states      the states of a connection, and how to reach them
visits      a visit, from connection to end
speaker     the process that makes visits, many at a time
rounds      a cluster, honest users and a speaker; what the users noticed
same        the same commands on two stores, and their answers compared
"""
