"""The process in which js2py evaluates expressions; `digpy.expr.js2py_engine` starts it.

Nothing else imports this package, and nothing else knows js2py. js2py turns JavaScript into Python
code of its own process, cannot be interrupted, and hands Python objects to scripts in places
(CVE-2024-28397 is one of them). So an expression meets four walls, each of which would be enough:

1. What hands out Python objects or makes code at run time is taken away (`interpreter`).
2. Each text is evaluated in a fork of this process, which is thrown away with all it changed.
3. The fork has limits of the operating system: CPU, memory, no new file.
4. From the first instruction of the text on, whatever Python tells an audit hook (imports, code,
   files, processes, sockets, foreign functions) ends the fork, but for the little js2py needs.

`__main__` is the process, `interpreter` is js2py with the library loaded, `builtins` mends what
js2py does differently from ECMAScript 5.
"""
