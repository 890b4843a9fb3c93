"""``${...}``: from parameters with templates to parameters with values.

`evaluate` is the entrance; `path` answers the common case in Python, `template` splits every
other text, and `javascript` is the seam behind which an engine evaluates the expressions. `scope`
merges layers of parameters, `builtin` makes the variables every task has.
"""
