"""Fakes that are first-class: shipped, typed and tested.

loopback    two protocols connected in memory, their bytes really serialized
processes   real twistd processes: a cluster, and a client at its terminal
"""
