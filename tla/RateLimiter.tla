---------------------------- MODULE RateLimiter ----------------------------
(***************************************************************************)
(* The rate limiter: how many tasks may start, and when.                   *)
(*                                                                         *)
(* It is GCRA with one number, the theoretical arrival time `tat`: the     *)
(* instant at which all that was spent is given back.  A rate of Num       *)
(* starts in Den ticks makes a start worth Den / Num ticks, which is no    *)
(* whole number of them.  So `tat` is kept as time multiplied by Num, and  *)
(* a start is worth exactly Den.  Rounding the period down lets too many   *)
(* start, rounding it up makes them late; both are among the models that   *)
(* must fail.                                                              *)
(*                                                                         *)
(* Time is a number here, and passes in ticks.                             *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    Num, Den,             \* the rate to begin with: Num starts in Den ticks
    OtherNum, OtherDen,   \* the rate that it may be changed to, and back
    Burst,                \* starts that may come at once after a long rest
    Tasks,                \* tasks that wait for a permit at the beginning
    Horizon,              \* ticks that pass at most
    Changes               \* changes of the rate at most

VARIABLES
    now,       \* Nat               the instant
    waiting,   \* Nat               tasks that wait for a permit, and for nothing else
    starts,    \* Seq(Nat)          the instants at which tasks have started
    tenures,   \* Seq(<<Nat, Nat, Nat>>)  each rate that was in force: since when,
               \*                   starts, ticks; the last one is
    tat        \* Nat               when all that was spent is given back: an instant
               \*                   multiplied by the starts of the rate in force

vars == <<now, waiting, starts, tenures, tat>>

Rates == {<<Num, Den>>, <<OtherNum, OtherDen>>}

----------------------------------------------------------------------------
(* Words of the rule *)

Greater(a, b) == IF a > b THEN a ELSE b
Up(a, b)      == (a + b - 1) \div b        \* a / b, rounded up

InForce  == tenures[Len(tenures)]
PerTick  == InForce[2]                     \* what a tick gives back
PerStart == InForce[3]                     \* what a start spends

Instant  == now * PerTick                  \* now, as `tat` is kept
Debt     == Greater(tat, Instant) - Instant

\* After the start no more than Burst starts are owed.
Permitted == Debt + PerStart <= Burst * PerStart

----------------------------------------------------------------------------
(* The rows *)

\* The permit is spent in the step in which the task starts, and in no other.
Start ==
    /\ waiting > 0
    /\ Permitted
    /\ waiting' = waiting - 1
    /\ starts' = Append(starts, now)
    /\ tat' = Greater(tat, Instant) + PerStart
    /\ UNCHANGED <<now, tenures>>

\* A task that is cancelled while it waits for its permit has spent none.
Cancel ==
    /\ waiting > 0
    /\ waiting' = waiting - 1
    /\ UNCHANGED <<now, starts, tenures, tat>>

\* What is owed is owed in starts, whatever a start is worth from now on.  Setting the rate that
\* is in force already is no exception, and changes no debt.
SetRate(r) ==
    /\ Len(tenures) <= Changes
    /\ tenures' = Append(tenures, <<now, r[1], r[2]>>)
    /\ tat' = now * r[1] + Up(Debt * r[2], PerStart)
    /\ UNCHANGED <<now, waiting, starts>>

PermitAccrues ==
    /\ now < Horizon
    /\ now' = now + 1
    /\ UNCHANGED <<waiting, starts, tenures, tat>>

----------------------------------------------------------------------------

Init ==
    /\ now = 0
    /\ waiting = Tasks
    /\ starts = <<>>
    /\ tenures = <<<<0, Num, Den>>>>
    /\ tat = 0

Next == Start \/ Cancel \/ (\E r \in Rates : SetRate(r)) \/ PermitAccrues

Spec == Init /\ [][Next]_vars

----------------------------------------------------------------------------
(* The law, from outside: it counts starts and knows nothing of `tat`. *)
(* Fractions are avoided by counting in parts of a start.              *)

Parts == Den * OtherDen

StartsIn(t, u) == Cardinality({i \in 1..Len(starts) : t <= starts[i] /\ starts[i] <= u})

\* How long the i-th rate was in force between two instants.
Until(i)         == IF i = Len(tenures) THEN Horizon ELSE tenures[i + 1][1]
Overlap(i, t, u) == LET from == Greater(t, tenures[i][1])
                        to   == IF u < Until(i) THEN u ELSE Until(i)
                    IN  IF to > from THEN to - from ELSE 0

RECURSIVE Through(_, _, _)
Through(i, t, u) == IF i = 0 THEN 0
                    ELSE Through(i - 1, t, u)
                         + Overlap(i, t, u) * tenures[i][2] * (Parts \div tenures[i][3])

\* What the law allows in a closed window, in parts of a start: the burst, and each rate for
\* as long as it was in force.
Allowed(t, u) == Burst * Parts + Through(Len(tenures), t, u)

\* A second change of the rate, and each after it, may round up less than one PerStart-th of a
\* start.  The first costs nothing, since instants are whole.
RECURSIVE Rounded(_)
Rounded(i) == IF i <= 2 THEN 0 ELSE Rounded(i - 1) + Parts \div tenures[i][3]

----------------------------------------------------------------------------
(* Invariants. *)

TypeOK ==
    /\ now \in 0..Horizon
    /\ waiting \in 0..Tasks
    /\ starts \in Seq(0..Horizon) /\ Len(starts) <= Tasks
    /\ Len(tenures) \in 1..(Changes + 1)
    /\ \A i \in 1..Len(tenures) : tenures[i][1] \in 0..now /\ <<tenures[i][2], tenures[i][3]>> \in Rates
    /\ tat \in Nat

\* RL-3 "burst is configurable and deterministic"; section 2: in every closed window [t, t+w],
\* starts <= burst + rate * w, and after a rate change it holds piecewise
Window == \A t \in 0..now : \A u \in t..now : StartsIn(t, u) * Parts <= Allowed(t, u)

\* section 2: with a task that otherwise fits, the start is at the first permitted instant.
\* So a start is refused only if it would break the law now.
WorkConserving == waiting > 0 /\ ~ENABLED Start =>
    \E t \in 0..now : (StartsIn(t, now) + 1) * Parts + Rounded(Len(tenures)) > Allowed(t, now)

----------------------------------------------------------------------------
(* Action properties: what a single step may do. *)

\* RL-1 "one limiter, applied exactly once per attempt": at an instant the debt grows by one
\* start for each start, and by nothing else
OnePermitPerStart == [][now' = now /\ tenures' = tenures
    => tat' - Instant = IF Len(starts') = Len(starts) THEN tat - Instant ELSE Debt + PerStart]_vars

----------------------------------------------------------------------------
(* Reached: each of these is false somewhere. *)

NeverExhausted    == Permitted
NeverAllCancelled == waiting > 0 \/ starts # <<>>
NeverAllStarted   == Len(starts) < Tasks
NeverAtTheHorizon == now < Horizon
NeverChangedOften == Len(tenures) <= Changes
NeverChangedBack  == \A i \in 3..Len(tenures) : LET Rate(j) == <<tenures[j][2], tenures[j][3]>>
                                                 IN  Rate(i) = <<Num, Den>> => Rate(i - 1) = Rate(i)
=============================================================================
