"""Edges: every step of a configuration's state graph, driven on the real worker."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import permutations
from random import Random
from typing import TYPE_CHECKING, Any

from jurat_spec.accounts import Limiter
from jurat_spec.log import Rate
from jurat_spec.replay import replay
from jurat_spec.search import walk
from jurat_spec.lifecycle import Config, Terms
from jurat_spec.view import Lifecycle

from .build import load
from .directing import FAR_NS, Directed, Edge, Instants, Mismatch, Rule, _concerned
from .stepping import Stepper

US = 1_000
UNIT = 10 * US


class Graph:
    def __init__(self, machine):
        self.machine = machine
        graph = walk(machine)
        self.states = list(graph.numbers)
        self.edges = sorted(graph.steps)
        self.out = [[] for _ in self.states]
        for number, (before, _, _) in enumerate(self.edges):
            self.out[before].append(number)
        known = {s: tuple((self.edges[e][1], self.states[self.edges[e][2]]) for e in self.out[i]) for i, s in enumerate(self.states)}
        self.rule = Rule(machine, known)

    def edge(self, number):
        before, label, after = self.edges[number]
        return Edge(self.states[before], label, self.states[after])

    def tree(self, weight, banned=frozenset(), joined=False):
        """Parent edge of each state in a shortest path tree.

        Nodes are 2 * state + (1 if what comes next must be a start)."""
        dist = {0: 0.0}
        parent = {0: None}
        heap = [(0.0, 0)]
        done = set()
        while heap:
            d, node = heappop(heap)
            if node in done:
                continue
            done.add(node)
            s = node >> 1
            for e in self.out[s]:
                _, label, t = self.edges[e]
                if t == s or e in banned or (node & 1 and label != "Start"):
                    continue
                nd = d + weight(e)
                to = 2 * t + (joined and label == "Complete" and self.starts(t))
                if to not in dist or nd < dist[to]:
                    dist[to] = nd
                    parent[to] = (e, node)
                    heappush(heap, (nd, to))
        return parent

    def starts(self, s):
        return any(self.edges[e][1] == "Start" for e in self.out[s])


class Plan:
    """Instants for a path; `self.length` steps of it are feasible."""
    def __init__(self, machine, path, order, early):
        self.instants = it = Instants()
        config = machine.config
        limited = {}
        sizes = {}
        magnitude = 10**9
        for name in order:
            sizes[name] = magnitude
            magnitude *= 1000
        period = sizes.get("period", 10**9)
        it.permit_ns = period
        if config.burst is not None:
            limited[0] = Limiter(Rate(1, period, config.burst), 0)
        for q in range(1, config.queues + 1):
            if config.burst_of(q) is not None:
                limited[q] = Limiter(Rate(1, period, config.burst_of(q)), 0)
        for n, terms in enumerate(machine.terms, start=1):
            it.deadlines[n] = FAR_NS // 2
            if terms.timeout:
                it.timeouts[n] = sizes.get(n, 10**9)
        t = 0
        self.at = []
        started = {}
        ended = {}
        waiting = {}
        stop = drain = None
        for p, edge in enumerate(path):
            before, label, after = edge
            number = min(_concerned(before, after), default=0)
            if label == "DeadlinePasses":
                t += UNIT
                it.deadlines[number] = t
            elif label == "AttemptTimeoutPasses":
                target = started[number] + it.timeouts[number]
                if target <= t:
                    break
                t = target
            elif label == "PermitAccrues":
                which = 0 if before.permits != after.permits else 1 + next(q for q, (a, b) in enumerate(zip(before.queue_permits, after.queue_permits)) if a != b)
                account = limited[which]
                now_permits = account.permits(t)
                target = (account.tat - (account.rate.burst - now_permits - 1) * period)
                if target <= t:
                    break
                t = target
            elif label == "GraceSpent":
                t += UNIT
                it.grace_ns = t - stop
            elif label == "DrainDeadline":
                t += UNIT
                it.drain_deadline_ns = t
            elif label == "BecomeDue":
                key = waiting.pop(number)
                if early(number):
                    pass
                else:
                    t += UNIT
                    it.due[key] = t
            elif label == "Evict":
                if it.age_ns is None:
                    t += UNIT
                    it.age_ns = t - ended[number]
                else:
                    t = max(t, ended[number] + it.age_ns)
            # crossings
            bad = False
            for n, it_status in enumerate(after.status, start=1):
                if it_status == "running" and n in it.timeouts and n in started and not after.attempt_over[n - 1] and started[n] + it.timeouts[n] <= t and not (label == "Start" and n == number):
                    bad = True
            if label == "Start":
                for which in (0, machine.terms[number - 1].queue):
                    if which in limited:
                        limited[which].spend(t)
                started[number] = t
            elif label == "SetRate" and 0 in limited:
                limited[0].change(limited[0].rate, t)
            for which, account in limited.items():
                if account.permits(t) != ((after.permits, *after.queue_permits)[which]):
                    bad = True
            if bad:
                break
            instant = t
            if label in ("StopNow", "DrainDeadline"):
                stop = t
            status = after.status[number - 1] if number else ""
            if status in ("scheduled", "retrying") and label in ("Submit", "Retry", "TimeOutRetry"):
                key = (number, after.attempts[number - 1])
                waiting[number] = key
                if early(number):
                    it.due[key] = t + (US if label == "Submit" else 0)
                    if label == "Submit":
                        t += US
                else:
                    it.due[key] = FAR_NS // 4
            if status in ("completed", "failed", "cancelled", "timed_out", "abandoned") and label != "LateReturn":
                ended[number] = t
            self.at.append((instant, t))
        for (number, attempts), due in it.due.items():
            it.due[number, attempts] = min(due, it.deadlines[number] - US)
        self.length = len(self.at)


def plan(machine, path, early):
    names = [n for n, terms in enumerate(machine.terms, start=1) if terms.timeout]
    if machine.config.burst is not None or machine.config.queue_burst is not None:
        names.append("period")
    best = None
    for order in permutations(names):
        this = Plan(machine, path, order, early)
        if best is None or this.length > best.length:
            best = this
        if best.length == len(path):
            break
    return best


@dataclass
class Report:
    states: int = 0
    edges: int = 0
    alone: set = field(default_factory=set)
    inside: set = field(default_factory=set)
    runs: int = 0
    sections: int = 0
    listed: Counter = field(default_factory=Counter)
    missed: list = field(default_factory=list)


def drive(machine, package=None, rounds=4, limit=None, seed=1, banned=None):
    graph = Graph(machine)
    package = package or load().package
    number_of = {}
    for e, (b, l, a) in enumerate(graph.edges):
        number_of[graph.states[b], l, graph.states[a]] = e
    banned = set() if banned is None else {e for e in range(len(graph.edges)) if banned(machine, graph.edge(e))}
    report = Report(len(graph.states), len(graph.edges))
    left = set(range(len(graph.edges))) - banned
    ungated = machine.config.burst is None and machine.config.queue_burst is None and (machine.config.per_queue or 99) >= len(machine.terms)
    with Stepper() as stepper:
        for round_ in range(rounds):
            rng = Random(seed * 1000 + round_)
            if round_ == 0:
                tree = graph.tree(lambda e: 1.0, banned, ungated)
            else:
                weights = [rng.random() ** 2 * 10 for _ in graph.edges]
                tree = graph.tree(lambda e: weights[e], banned, ungated and round_ % 3)
            depth = {}
            def path_to(s):
                path = []
                node = 2 * s
                while tree[node] is not None:
                    e, node = tree[node]
                    path.append(e)
                return path[::-1]
            def steps_to(s):
                if s not in depth:
                    depth[s] = len(path_to(s))
                return depth[s]
            todo = [e for e in left if 2 * graph.edges[e][0] in tree]
            todo.sort(key=lambda e: (-steps_to(graph.edges[e][0]), e))
            failed = set()
            for goal in todo:
                if goal not in left or goal in failed:
                    continue
                eager_share = (0.0, 1.0, 0.5, 0.5)[round_ % 4]
                early_share = (0.0, 1.0, 0.5, 0.5)[round_ % 4]
                path = path_to(graph.edges[goal][0]) + [goal]
                # insert loops
                full = []
                planned = set()
                def visit(s):
                    for e in graph.out[s]:
                        if graph.edges[e][2] == s and e in left and e not in planned and e not in failed:
                            full.append(e); planned.add(e)
                visit(0)
                for e in path:
                    if e in planned: continue
                    full.append(e); planned.add(e)
                    visit(graph.edges[e][2])
                s = graph.edges[full[-1]][2]
                forced = False
                while len(full) < 80:
                    options = [e for e in graph.out[s] if e in left and e not in planned and e not in failed]
                    if ungated and graph.edges[full[-1]][1] == "Complete":
                        starts = [e for e in graph.out[s] if graph.edges[e][1] == "Start" and e not in banned]
                        if starts: options = starts[:1] if starts[0] not in planned else []
                    if not options: break
                    e = options[0]
                    full.append(e); planned.add(e)
                    s = graph.edges[e][2]
                    visit(s)
                salt = rng.random()
                early_bits = {n: rng.random() < early_share for n in range(1, 9)}
                made = plan(machine, [graph.edge(e) for e in full], lambda n: early_bits[n])
                lead = Directed(stepper, package, graph.rule, made.instants, eager=lambda: rng.random() < eager_share)
                report.runs += 1
                choose = (lambda n: 0) if round_ == 0 else rng.randrange
                stopped_at = None
                for e, (at, then) in zip(full, made.at):
                    if lead.taken and lead.taken[-1][0] == graph.edge(e) and not lead.taken[-1][1]:
                        continue
                    ok = lead.take(graph.edge(e), at, choose)
                    if ok and then > at:
                        lead.sleep_until(then)
                        lead.advance_steward()
                    if not ok:
                        failed.add(e)
                        stopped_at = e
                        break
                if stopped_at is None and made.length < len(full):
                    failed.add(full[made.length])
                if goal in left: pass
                replay(lead.log)
                for edge, alone in lead.taken:
                    e = number_of[edge]
                    (report.alone if alone else report.inside).add(e)
                    left.discard(e)
                report.sections += lead.sections
                stepper.end()
                if goal in left: failed.add(goal)
                if limit and report.runs >= limit: break
            print("round", round_, "left", len(left), "runs", report.runs)
            if not left or (limit and report.runs >= limit): break
    report.inside -= report.alone
    report.missed = sorted(left)
    report.graph = graph
    return report
