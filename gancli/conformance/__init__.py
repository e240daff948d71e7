"""What a family promises, as checks that name what is wrong with its file and line.

`gan plugins check` runs them, and `gancli.testing.FamilyContract` is them as tests. Each check is a generator of
findings: a sound family yields none.
"""
