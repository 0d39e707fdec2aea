------------------------------- MODULE Queues -------------------------------
(***************************************************************************)
(* The queues: which of them gives the next start, and which of its tasks. *)
(*                                                                         *)
(* Between queues it is smooth weighted round robin, as in nginx: at a     *)
(* start each queue that could give it gains its weight in credit, the one *)
(* with the most credit is chosen, and pays what all of them have gained.  *)
(* Inside a queue the task with the lowest priority number is first, and   *)
(* of these the first that was admitted.  A queue that is empty, paused,   *)
(* at its cap or out of permits takes no part: it gains nothing, pays      *)
(* nothing, and no other queue waits for it.                               *)
(*                                                                         *)
(* Whether a thread is free is no matter here: the module says what starts *)
(* when one is.  When a limiter has no permit is the environment's: it may *)
(* be so, or no longer be so, at any moment.                               *)
(***************************************************************************)
EXTENDS Integers, Sequences, FiniteSets

CONSTANTS
    WeightOne,      \* the weight of queue 1 to begin with
    WeightTwo,      \* that of queue 2, or 0 if there is none
    WeightThree,    \* that of queue 3, or 0 if there is none
    OtherWeight,    \* what any weight may be changed to, and back; 0 if none may
    Tasks,          \* ids of tasks in each queue; one is used again after its task has started
    Cap,            \* tasks of one queue that may run at once; 0 is no cap, and nobody counts
    Pausable,       \* the first so many queues may be paused
    Limitable       \* the first so many have a limiter

VARIABLES
    weight,      \* [Queues -> Nat]      the weight in force
    waiting,     \* [Queues -> Seq(Ids)] the tasks that wait, in order of admission
    running,     \* [Queues -> Nat]      how many run, if there is a cap
    paused,      \* SUBSET Queues
    limited,     \* SUBSET Queues        whose limiter has no permit
    draining,    \* BOOLEAN
    credit,      \* [Queues -> Int]      what it is owed, in starts times the weights of those
                 \*                      that took part
                 \* From here on, what an onlooker notes; no row looks at it.
    passed,      \* [Queues -> Nat]      starts that went to others while it could have given
                 \*                      them, since its own last one
    recent,      \* Seq(Queues)          who gave the last starts: no more than a window, and all
                 \*                      of them between the same queues
    among,       \* SUBSET Queues        who could have given the last one
    exact        \* BOOLEAN              whether the weights hold to the start in that window

vars == <<weight, waiting, running, paused, limited, draining, credit, passed, recent, among, exact>>

noted == <<passed, recent, among, exact>>

Declared == SelectSeq(<<WeightOne, WeightTwo, WeightThree>>, LAMBDA w : w > 0)
Queues   == 1..Len(Declared)
Ids      == 1..Tasks

Weights(q) == {Declared[q], OtherWeight} \ {0}

\* Task 1 is more urgent than 2 and 3, and these are equals.
Priority(t) == t \div 2

----------------------------------------------------------------------------
(* Words of the rule *)

RECURSIVE Sum(_, _)
Sum(f, S) == IF S = {} THEN 0 ELSE LET x == CHOOSE x \in S : TRUE IN f[x] + Sum(f, S \ {x})

Elements(s)     == {s[i] : i \in 1..Len(s)}
Before(s, t, u) == \E i, j \in 1..Len(s) : i < j /\ s[i] = t /\ s[j] = u

Eligible(q) == /\ waiting[q] # <<>>
               /\ q \notin paused
               /\ Cap = 0 \/ running[q] < Cap
               /\ q \notin limited

TakingPart == {q \in Queues : Eligible(q)}
Lead(q)    == credit[q] + weight[q]       \* the credit by which they are compared
Price      == Sum(weight, TakingPart)     \* what all of them gain, and one of them pays

\* The most credit, and of equals the first.
IsNext(q) == /\ Eligible(q)
             /\ \A r \in Queues : Eligible(r) => Lead(r) < Lead(q) \/ (Lead(r) = Lead(q) /\ q <= r)

\* The most urgent, and of equals the first that was admitted.
IsFirst(q, t) == /\ t \in Elements(waiting[q])
                 /\ \A u \in Elements(waiting[q]) :
                        /\ Priority(t) <= Priority(u)
                        /\ Priority(t) = Priority(u) => ~Before(waiting[q], u, t)

----------------------------------------------------------------------------
(* What an onlooker notes at a start, and has words of its own for.        *)

\* The queue could give the next start.
Able(q) == /\ Len(waiting[q]) > 0
           /\ q \notin (paused \cup limited)
           /\ Cap > 0 => running[q] < Cap

AbleOnes == {q \in Queues : Able(q)}
Window   == Sum(weight, AbleOnes)

\* From a start on, the weights hold to the start once no credit is left, while the same queues
\* take part; if there are but two queues, whichever take part.  When two take part they do so
\* from the first change of turn on as well: their credits are then in the range in which the
\* turns repeat.
IsExact(q) == \/ \A r \in Queues : credit[r] = 0
              \/ exact /\ (AbleOnes = among \/ Cardinality(Queues) = 2)
              \/ /\ Cardinality(AbleOnes) = 2 /\ AbleOnes = among
                 /\ recent # <<>> /\ recent[Len(recent)] # q

Last(s, n) == IF Len(s) <= n THEN s ELSE SubSeq(s, Len(s) - n + 1, Len(s))

Note(q) ==
    /\ passed' = [r \in Queues |-> IF r = q THEN 0 ELSE IF Able(r) THEN passed[r] + 1 ELSE passed[r]]
    /\ recent' = IF exact /\ AbleOnes = among THEN Last(Append(recent, q), Window) ELSE <<q>>
    /\ among' = AbleOnes
    /\ exact' = IsExact(q)

----------------------------------------------------------------------------
(* The rows *)

\* It is the last of its queue, whatever its priority.
Submit(q, t) ==
    /\ ~draining
    /\ t \notin Elements(waiting[q])
    /\ waiting' = [waiting EXCEPT ![q] = Append(@, t)]
    /\ UNCHANGED <<weight, running, paused, limited, draining, credit, noted>>

Start(q, t) ==
    /\ IsNext(q)
    /\ IsFirst(q, t)
    /\ waiting' = [waiting EXCEPT ![q] = SelectSeq(@, LAMBDA u : u # t)]
    /\ running' = IF Cap = 0 THEN running ELSE [running EXCEPT ![q] = @ + 1]
    /\ credit' = [r \in Queues |-> (IF Eligible(r) THEN Lead(r) ELSE credit[r]) - (IF r = q THEN Price ELSE 0)]
    /\ UNCHANGED <<weight, paused, limited, draining>>
    /\ Note(q)

End(q) ==
    /\ running[q] > 0
    /\ running' = [running EXCEPT ![q] = @ - 1]
    /\ UNCHANGED <<weight, waiting, paused, limited, draining, credit, noted>>

Pause(q) ==
    /\ ~draining
    /\ q <= Pausable /\ q \notin paused
    /\ paused' = paused \cup {q}
    /\ UNCHANGED <<weight, waiting, running, limited, draining, credit, noted>>

Resume(q) ==
    /\ q \in paused
    /\ paused' = paused \ {q}
    /\ UNCHANGED <<weight, waiting, running, limited, draining, credit, noted>>

\* The last permit is spent, by this queue or by whoever else has it.
Limit(q) ==
    /\ q <= Limitable /\ q \notin limited
    /\ limited' = limited \cup {q}
    /\ UNCHANGED <<weight, waiting, running, paused, draining, credit, noted>>

PermitAccrues(q) ==
    /\ q \in limited
    /\ limited' = limited \ {q}
    /\ UNCHANGED <<weight, waiting, running, paused, draining, credit, noted>>

\* What a queue is owed stays owed; what was seen so far says nothing about the new weights.
SetWeight(q, w) ==
    /\ ~draining
    /\ w # weight[q]
    /\ weight' = [weight EXCEPT ![q] = w]
    /\ recent' = <<>>
    /\ exact' = FALSE
    /\ UNCHANGED <<waiting, running, paused, limited, draining, credit, passed, among>>

\* A pause ends with the time in which tasks are accepted.
BeginDrain ==
    /\ ~draining
    /\ draining' = TRUE
    /\ paused' = {}
    /\ UNCHANGED <<weight, waiting, running, limited, credit, noted>>

----------------------------------------------------------------------------

Init ==
    /\ weight = [q \in Queues |-> Declared[q]]
    /\ waiting = [q \in Queues |-> <<>>]
    /\ running = [q \in Queues |-> 0]
    /\ paused = {}
    /\ limited = {}
    /\ draining = FALSE
    /\ credit = [q \in Queues |-> 0]
    /\ passed = [q \in Queues |-> 0]
    /\ recent = <<>>
    /\ among = {}
    /\ exact = FALSE

Next == \/ BeginDrain
        \/ \E q \in Queues : \/ \E t \in Ids : Submit(q, t) \/ Start(q, t)
                             \/ End(q) \/ Pause(q) \/ Resume(q) \/ Limit(q) \/ PermitAccrues(q)
                             \/ \E w \in Weights(q) : SetWeight(q, w)

Spec == Init /\ [][Next]_vars

----------------------------------------------------------------------------
(* Words of the laws, which look from outside. *)

IsWhole  == exact /\ Cardinality(among) > 1 /\ Len(recent) = Sum(weight, among)
Given(q) == Cardinality({i \in 1..Len(recent) : recent[i] = q})

\* The least weight that a queue may have, and the most that all may have together.
Least(q)   == CHOOSE w \in Weights(q) : \A other \in Weights(q) : w <= other
Greatest   == [q \in Queues |-> CHOOSE w \in Weights(q) : \A other \in Weights(q) : w >= other]
MostWeight == Sum(Greatest, Queues)
Others     == Cardinality(Queues) - 1

\* The tasks that a step takes out of a queue, and those that it puts in.
Left(q) == Elements(waiting[q]) \ Elements(waiting'[q])
Came(q) == Elements(waiting'[q]) \ Elements(waiting[q])

\* How much happens in a step.  The end of all pauses is part of the beginning of a drain.
Differ(S, T) == Cardinality((S \ T) \cup (T \ S))
Events == Sum([q \in Queues |-> Cardinality(Left(q) \cup Came(q))], Queues)
          + Cardinality({q \in Queues : running'[q] < running[q]})
          + Cardinality({q \in Queues : weight'[q] # weight[q]})
          + Differ(limited, limited')
          + IF draining' = draining THEN Differ(paused, paused') ELSE 1

\* Why the credits are bounded.  Let W be the most that all n queues may weigh together, and B(k)
\* the most that k of them are owed together, whichever they are.  What some are owed together
\* rises at a start only if one of them takes part and another is chosen, that had no less credit
\* and paid W at most.  So twice that is at most B(k - 1) + B(k + 1) + W.  Since B(0) = B(n) = 0,
\* it is W * k * (n - k) / 2 at most: a queue is owed W * (n - 1) / 2 at most, and owes as much at
\* most.  At each start for which it is passed over it gains its weight, so there are no more than
\* W * (n - 1) / weight of them.  There are less: of two queues each reaches one end of its range
\* only, and of more none the upper.

----------------------------------------------------------------------------
(* Invariants. *)

TypeOK ==
    /\ \A q \in Queues : /\ weight[q] \in Weights(q)
                         /\ Elements(waiting[q]) \subseteq Ids
                         /\ Cardinality(Elements(waiting[q])) = Len(waiting[q])
                         /\ running[q] \in Nat /\ credit[q] \in Int /\ passed[q] \in Nat
    /\ paused \subseteq 1..Pausable /\ limited \subseteq 1..Limitable
    /\ draining \in BOOLEAN
    /\ Elements(recent) \subseteq among /\ among \subseteq Queues
    /\ Len(recent) <= Sum(weight, among)
    /\ exact \in BOOLEAN

\* NH-2 "named queues with weights and priorities"; section 2 "two non-empty queues with weights
\* 3 and 1: every window of 4 starts has 3 and 1"; for more, since there was no credit
WeightsHold == exact /\ Len(recent) = Sum(weight, among)
    => \A q \in among : Given(q) = weight[q]

\* section 2 "for more queues the maximal gap is bounded and stated": whatever the others do
GapIsBounded == \A q \in Queues : passed[q] > 0 => passed[q] * Least(q) < Others * MostWeight

\* section 2 "smooth weighted round robin": what one queue is owed, the others owe
CreditsBalance == Sum(credit, Queues) = 0

\* section 2 "the maximal gap is bounded": no debt grows for ever, whoever takes part
CreditsAreBounded == \A q \in Queues : /\ 2 * credit[q] <= Others * MostWeight
                                       /\ 2 * credit[q] >= -(Others * MostWeight)

\* section 2 "an empty, paused or limited queue delays nobody": what could start, may
BlockedBlocksNobody == AbleOnes # {} => ENABLED (\E q \in Queues, t \in Ids : Start(q, t))

\* PRD "deterministic task lifecycle semantics": what is next follows from what has happened
StartIsDecided == Cardinality({each \in Queues \X Ids : ENABLED Start(each[1], each[2])}) <= 1

\* PRD "reliable audit data": what is recorded has happened
EveryEventIsNews == ~ENABLED (UNCHANGED vars /\ (
    \/ BeginDrain
    \/ \E q \in Queues : \/ \E t \in Ids : Submit(q, t) \/ Start(q, t)
                         \/ End(q) \/ Pause(q) \/ Resume(q) \/ Limit(q) \/ PermitAccrues(q)
                         \/ \E w \in Weights(q) : SetWeight(q, w)))

\* section 2: a task fits if its queue is "not paused and under its cap"
CapPerQueue == Cap > 0 => \A q \in Queues : running[q] <= Cap

\* section 2: BeginDrain "unpauses the worker and every queue"
DrainUnpauses == draining => paused = {}

----------------------------------------------------------------------------
(* Action properties: what a single step may do. *)

\* section 2 "every window of 4 starts": one that is noted whole stays so as it moves on
EveryWindowIsNoted == [][IsWhole /\ exact' /\ among' = among => Len(recent') = Len(recent)]_vars

\* section 2: slot, permit and task "meet in this one step", and a step is of one task
OneStartPerStep == [][Sum([q \in Queues |-> Cardinality(Left(q))], Queues) <= 1]_vars

\* section 2: "nothing is taken before, so nothing is lost": what leaves its queue runs
StartedTaskRuns == [][IF Cap = 0 THEN running' = running
                      ELSE \A q \in Queues : Left(q) # {} <=> running'[q] > running[q]]_vars

\* section 2: a task fits if its queue is "not paused"
PausedStartsNothing == [][\A q \in paused : Left(q) = {}]_vars

\* section 2: a task fits if "each limiter that applies (worker, queue) has a permit"
LimitedStartsNothing == [][\A q \in limited : Left(q) = {}]_vars

\* decision 4 "lower priority number runs sooner; ties in order of admission"
StartsInOrder == [][\A q \in Queues : \A t \in Left(q), u \in Elements(waiting[q]) \ Left(q) :
    Priority(t) < Priority(u) \/ (Priority(t) = Priority(u) /\ Before(waiting[q], t, u))]_vars

\* decision 4 "ties in order of admission": what comes is behind all that wait, and these keep
\* their order
AdmissionOrder == [][\A q \in Queues : \A t, u \in Elements(waiting'[q]) :
    u \in Elements(waiting[q]) /\ Before(waiting'[q], t, u) => Before(waiting[q], t, u)]_vars

\* section 2 "an empty, paused or limited queue yields its share": it is owed nothing for it later
YieldsItsShare == [][\A q \in Queues : ~Able(q) => credit'[q] = credit[q]]_vars

\* section 2: Submit, Pause and SetWeight are of the phase "open"
DrainTakesNoRequest == [][draining =>
    /\ \A q \in Queues : Came(q) = {}
    /\ paused' \subseteq paused
    /\ weight' = weight]_vars

\* section 2: "an event each"; only a drain resumes all
OneEventPerStep == [][Events = 1]_vars

----------------------------------------------------------------------------
(* Liveness.  A worker with a free thread starts what may start.  Nothing   *)
(* is assumed of functions, of limiters, of pauses or of the other queues.  *)

StartFairness == WF_vars(\E q \in Queues, t \in Ids : Start(q, t))

StartSpec == Spec /\ StartFairness

\* NH-2 "named queues with weights": a small weight is a small share, and never none
EligibleIsServed == \A q \in Queues : <>[]Able(q) => []<><<Left(q) # {}>>_vars
----------------------------------------------------------------------------
(* Reached: each of these is false somewhere. *)

NeverAllEnded      == ~(Cap > 0 /\ (\E q \in Queues : credit[q] # 0) /\ \A q \in Queues : running[q] = 0)
NeverAtCap         == ~\E q \in Queues : Cap > 0 /\ running[q] = Cap /\ waiting[q] # <<>>
NeverWaitsPaused   == ~\E q \in paused : waiting[q] # <<>>
NeverWaitsLimited  == ~\E q \in limited : waiting[q] # <<>>
NeverWaitsInDrain  == ~(draining /\ \E q \in Queues : waiting[q] # <<>>)
NeverPassedOver    == \A q \in Queues : passed[q] < 2
NeverChangedBack   == ~(recent = <<>> /\ weight = Declared /\ \E q \in Queues : credit[q] # 0)

\* What is noted to hold the weights against: a whole window, one that has moved on, one of three queues,
\* one that goes on while a queue is away, and one that begins with a change of turn.
NeverWholeWindow   == ~IsWhole
NeverWindowOfThree == ~(IsWhole /\ Cardinality(among) = 3)
NeverMovedOn       == ~(IsWhole /\ Cardinality(among) = 3 /\ \E q \in Queues : credit[q] # 0)
NeverAway          == ~(exact /\ Cardinality(among) = 1 /\ \E q \in Queues : credit[q] # 0)
NeverByTurn        == ~(exact /\ Len(recent) = 1 /\ Cardinality(among) = 2
                          /\ credit[recent[1]] # weight[recent[1]] - Sum(weight, among))
=============================================================================
