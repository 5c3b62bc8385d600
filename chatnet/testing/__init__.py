"""Fakes that are first-class: shipped, typed and tested.

children      pretended processes, and the clock that starts them
loopback      two protocols connected in memory, with their bytes really serialized
memory_log    a log in memory, under the rules of the real ones
fake_cluster  a cluster in memory, for tests of clients
user          a user played by a script · recorded  the client's parts, whose history is recorded
history       what users did and were told · evidence  the same, put in order
toy_front     a protocol for clients in lines of text: everything that a front must be
checker       checks whether the promises were kept, those about
checker_log   the log · checker_rooms  rooms · checker_accounts  accounts · checker_guests  guests
checker_lines  lines · said_lines  what was said in lines, as drafts
connections   what each connection recorded
rules         who hears what, defined a second time for these
standing      who is where, and who may do and read what, defined a second time for the checker
"""
