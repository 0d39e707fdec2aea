"""How fast the worker is, how little it weighs, and how we know.

Speed is a promise here, and a promise on somebody else's machine can only be a ratio: the worker and the
standard library's `ThreadPoolExecutor` take turns in one process, round by round, and the figure is the
median of what each round says.  Neighbours move both; what a neighbour cannot move, such as voluntary
context switches or bytes, is given as it is.

    figures     what is measured, and the bound and the aim of each
    samples     medians
    sides       the worker and the pool, behind one face
    loads       what both are given to do
    scale       what the worker does alone: a million tasks, and nothing at all
    child       one measurement, in a process of its own
    others      the same no-op work on other libraries, each in processes of its own
    exploring   schedules a second: the bench of this project and two other explorers
    machine     the interpreters that are here, and what kind of machine this is
    measured    the file of the figures: its form, its check, and whether it is still about this source
    tables      the page that is made from that file
    __main__    `make bench`: all of it, in order

Nothing here is a test: no figure fails a build, for a shared machine would fail it at random.  What is
tested is that the page says what the file says, and that it says EXPIRED when the source has moved on.
"""
