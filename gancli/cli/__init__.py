"""The program `gan`: one file a command, with its signature and its body.

`app.py` puts the commands together. Heavy imports, such as torch, are inside the bodies, so that `--help` and usage
errors are quick.
"""
