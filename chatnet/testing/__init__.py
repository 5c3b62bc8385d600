"""Fakes that are first-class: shipped, typed and tested.

children      processes that are not, and the clock that starts them
loopback      two protocols connected in memory, their bytes really serialized
memory_log    a log in memory, held to the rules of the real ones
fake_cluster  a cluster in memory, for tests of clients
user          a user who is played by a script, and recorded
history       what users did and were told · evidence  the same, put in order
toy_front     a protocol for clients in lines of text: all that a front has to be
checker       were the promises kept? · rules  who hears what, said a second time for it
"""
