"""Queueing theory: what is known of waiting, as exact fractions.

Rates and lengths are in the same unit of time, here nanoseconds: `arrival` is 1 / ns, and a mean wait is
in ns.  Nothing is a float, so the values are the same everywhere.

Sources: L. Kleinrock, *Queueing Systems I*, 1975, chapters 3 (M/M/c) and 5 (M/G/1); A. K. Erlang, 1917;
F. Pollaczek, 1930, and A. Khinchine, 1932, for the mean wait of M/G/1.  R. B. Cooper, *Introduction to
Queueing Theory*, 1981, has the recursion of Erlang's B formula, which needs no factorials.
"""

from __future__ import annotations

from fractions import Fraction
from math import exp


def erlang_b(servers: int, load: Fraction) -> Fraction:
    """The share of arrivals that find all of so many servers busy, if none waits.  `load` is in erlangs.

    B(0) = 1 and B(c) = a * B(c - 1) / (c + a * B(c - 1)).
    """
    blocked = Fraction(1)
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked


def erlang_c(servers: int, load: Fraction) -> Fraction:
    """The share of arrivals that wait in M/M/c: Erlang's C formula, B / (1 - (1 - B) * a / c).

    Raises
    ------
    ValueError: the load is not below the number of servers, so there is no steady state.
    """
    if load >= servers:
        raise ValueError(f"{servers} servers cannot serve {float(load):g} erlangs")
    blocked = erlang_b(servers, load)
    return blocked / (1 - (1 - blocked) * load / servers)


def mmc_wait(servers: int, arrival: Fraction, service: Fraction) -> Fraction:
    """The mean wait in M/M/c: C / (c * mu - lambda), with the mean service time 1 / mu."""
    waits = erlang_c(servers, arrival * service)
    return waits / (servers / service - arrival)


def mg1_wait(arrival: Fraction, mean: Fraction, second_moment: Fraction) -> Fraction:
    """The mean wait in M/G/1: lambda * E[S ** 2] / (2 * (1 - rho)), Pollaczek and Khinchine's formula.

    Raises
    ------
    ValueError: rho is not below 1.
    """
    load = arrival * mean
    if load >= 1:
        raise ValueError(f"one server cannot serve {float(load):g} erlangs")
    return arrival * second_moment / (2 * (1 - load))


def md1_wait(arrival: Fraction, service: Fraction) -> Fraction:
    """The mean wait in M/D/1: rho * s / (2 * (1 - rho)), half of that in M/M/1."""
    return mg1_wait(arrival, service, service**2)


def mmc_latency_within(servers: int, arrival: Fraction, service: Fraction, within: int) -> float:
    """The share of tasks of M/M/c that are done within so long, waiting included.

    The wait is 0 with probability 1 - C and else exponential of rate c * mu - lambda; the service is
    exponential of rate mu.  A float: good to some twelve digits, and never part of a report's content.
    """
    waits = float(erlang_c(servers, arrival * service))
    mu = float(1 / service)
    theta = float(servers / service - arrival)
    serve = exp(-mu * within)
    if abs(theta - mu) < 1e-9 * mu:
        late = (1 - waits) * serve + waits * (1 + mu * within) * serve
    else:
        late = (1 - waits) * serve + waits * (theta * serve - mu * exp(-theta * within)) / (theta - mu)
    return 1 - late


STUDENT_99_9 = {
    4: Fraction(8610, 1000),
    9: Fraction(4781, 1000),
    19: Fraction(3883, 1000),
}
"""Two-sided 99.9 % points of Student's t, by degrees of freedom.

Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, column 0.9995.
"""
