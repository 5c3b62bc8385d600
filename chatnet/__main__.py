"""``python -m chatnet``: the operator's commands."""

from chatnet.operator.__main__ import main

main()
