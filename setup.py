"""Packaging that ``pyproject.toml`` cannot say: the twistd plugin lives in Twisted's own namespace.

``twisted/plugins`` has no ``__init__.py``, so ``find_packages`` does not see it; it is named here.
"""

from setuptools import find_packages, setup

setup(
    package_dir={"": "."},
    packages=[*find_packages(include=["chatnet", "chatnet.*"]), "twisted.plugins"],
    # What browsers load: chatnet/page is no package.
    package_data={"chatnet": ["page/*", "page/**/*"]},
    data_files=[("share/chatnet", ["default_master_address"])],
)
