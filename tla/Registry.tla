------------------------------ MODULE Registry ------------------------------
(***************************************************************************)
(* The registry: which tasks are known, by which id and key, and when they *)
(* are forgotten.                                                          *)
(*                                                                         *)
(* A caller that is not sure whether it has registered its task does so    *)
(* again, with the same key: while the task is retained, the answer is     *)
(* that task.  A key with another request is a conflict.  Retention is the *)
(* idempotency window: a key goes in the same step as its task.            *)
(*                                                                         *)
(* Of a task's life only this is left here: it is live, then it has ended. *)
(* An abandoned task has ended while its function is still on a thread.    *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    Tasks,      \* ids that callers use: 1..Tasks
    Keys,       \* keys that callers use: 1..Keys
    QueueMax,   \* tasks that may be live at once
    Keep        \* ended tasks that are retained

VARIABLES
    status,    \* [Ids -> Statuses]
    key,       \* [Ids -> AnyKey]    what it was registered with
    request,   \* [Ids -> Requests]  what it was asked to do, if it has a key
    holder,    \* [Names -> Nat]     the id that a key names, or 0
    ended,     \* Seq(Ids)           retained tasks in the order in which they have ended
    aged,      \* Nat                the first so many of these are over age
    stuck,     \* SUBSET Ids         ended tasks whose function is still on a thread
    open       \* BOOLEAN            whether tasks are accepted

vars == <<status, key, request, holder, ended, aged, stuck, open>>

Ids      == 1..Tasks
Names    == 1..Keys
AnyKey   == 0..Keys           \* 0 is no key
Statuses == {"absent", "live", "ended"}
Requests == {"this", "other"} \* fingerprints: equal, or not

----------------------------------------------------------------------------
(* Words of the rule *)

In(s)  == {t \in Ids : status[t] = s}
IsFull == Cardinality(In("live")) >= QueueMax

\* What a caller is told that registers an id, with a key or none, for a request.  The first
\* that applies; whether the key is known comes before all else.
Answer(i, k, r) ==
    CASE k # 0 /\ holder[k] # 0 -> IF request[holder[k]] = r THEN <<"attached", holder[k]>> ELSE <<"conflict", 0>>
      [] ~open                  -> <<"closed", 0>>
      [] status[i] # "absent"   -> <<"id_used", 0>>
      [] IsFull                 -> <<"full", 0>>
      [] OTHER                  -> <<"accepted", i>>

Before(u, t) == \E i, j \in 1..Len(ended) : i < j /\ ended[i] = u /\ ended[j] = t
IsAged(t)    == \E i \in 1..aged : ended[i] = t

\* Of the ended tasks that are off their threads, the first to end.
IsFirst(t) == /\ status[t] = "ended"
              /\ t \notin stuck
              /\ \A u \in In("ended") : Before(u, t) => u \in stuck

----------------------------------------------------------------------------
(* Registration *)

Register(i, k, r) ==
    /\ Answer(i, k, r) = <<"accepted", i>>
    /\ status' = [status EXCEPT ![i] = "live"]
    /\ key' = [key EXCEPT ![i] = k]
    /\ request' = [request EXCEPT ![i] = IF k = 0 THEN "none" ELSE r]
    /\ holder' = [n \in Names |-> IF n = k THEN i ELSE holder[n]]
    /\ UNCHANGED <<ended, aged, stuck, open>>

\* The task is there already, and is the answer.
Attach(i, k, r) ==
    /\ Answer(i, k, r)[1] = "attached"
    /\ UNCHANGED vars

\* A refused registration changes nothing.
RejectConflict(i, k, r) == Answer(i, k, r)[1] = "conflict" /\ UNCHANGED vars
RejectClosed(i, k, r)   == Answer(i, k, r)[1] = "closed" /\ UNCHANGED vars
RejectIdUsed(i, k, r)   == Answer(i, k, r)[1] = "id_used" /\ UNCHANGED vars
RejectFull(i, k, r)     == Answer(i, k, r)[1] = "full" /\ UNCHANGED vars

Call(i, k, r) == \/ Register(i, k, r)
                 \/ Attach(i, k, r)
                 \/ RejectConflict(i, k, r)
                 \/ RejectClosed(i, k, r)
                 \/ RejectIdUsed(i, k, r)
                 \/ RejectFull(i, k, r)

\* Closing again changes nothing.
Close ==
    /\ open' = FALSE
    /\ UNCHANGED <<status, key, request, holder, ended, aged, stuck>>

----------------------------------------------------------------------------
(* The end of a task *)

Ends(t) == /\ status[t] = "live"
           /\ status' = [status EXCEPT ![t] = "ended"]
           /\ ended' = Append(ended, t)
           /\ UNCHANGED <<key, request, holder, aged, open>>

End(t)     == Ends(t) /\ UNCHANGED stuck
Abandon(t) == Ends(t) /\ stuck' = stuck \cup {t}

LateReturn(t) ==
    /\ t \in stuck
    /\ stuck' = stuck \ {t}
    /\ UNCHANGED <<status, key, request, holder, ended, aged, open>>

----------------------------------------------------------------------------
(* Retention *)

\* Time is no number here: the next to end of those not over age may be so at any moment.
AgePasses ==
    /\ aged < Len(ended)
    /\ aged' = aged + 1
    /\ UNCHANGED <<status, key, request, holder, ended, stuck, open>>

\* Over age or number, the first to end of those that may go.  Its key is free in the same step.
Evict(t) ==
    /\ IsFirst(t)
    /\ Len(ended) > Keep \/ IsAged(t)
    /\ status' = [status EXCEPT ![t] = "absent"]
    /\ key' = [key EXCEPT ![t] = 0]
    /\ request' = [request EXCEPT ![t] = "none"]
    /\ holder' = [n \in Names |-> IF n = key[t] THEN 0 ELSE holder[n]]
    /\ ended' = SelectSeq(ended, LAMBDA u : u # t)
    /\ aged' = IF IsAged(t) THEN aged - 1 ELSE aged
    /\ UNCHANGED <<stuck, open>>

----------------------------------------------------------------------------

Init ==
    /\ status = [t \in Ids |-> "absent"]
    /\ key = [t \in Ids |-> 0]
    /\ request = [t \in Ids |-> "none"]
    /\ holder = [n \in Names |-> 0]
    /\ ended = <<>>
    /\ aged = 0
    /\ stuck = {}
    /\ open = TRUE

Next == \/ \E i \in Ids, k \in AnyKey, r \in Requests : Call(i, k, r)
        \/ Close
        \/ \E t \in Ids : End(t) \/ Abandon(t) \/ LateReturn(t) \/ Evict(t)
        \/ AgePasses

Spec == Init /\ [][Next]_vars

----------------------------------------------------------------------------
(* Words of the laws, which look from outside. *)

Retained == {t \in Ids : status[t] # "absent"}

\* Which rows answer a call.
Rows(i, k, r) == {a \in {"accepted", "attached", "conflict", "closed", "id_used", "full"} :
                    \/ a = "accepted" /\ ENABLED Register(i, k, r)
                    \/ a = "attached" /\ ENABLED Attach(i, k, r)
                    \/ a = "conflict" /\ ENABLED RejectConflict(i, k, r)
                    \/ a = "closed"   /\ ENABLED RejectClosed(i, k, r)
                    \/ a = "id_used"  /\ ENABLED RejectIdUsed(i, k, r)
                    \/ a = "full"     /\ ENABLED RejectFull(i, k, r)}

Having(k)   == {t \in Retained : k # 0 /\ key[t] = k}
HasSpace    == Cardinality({t \in Retained : status[t] = "live"}) < QueueMax
IsTrue(a, i, k, r) == CASE a = "attached" -> \E t \in Having(k) : request[t] = r
                        [] a = "conflict" -> \E t \in Having(k) : request[t] # r
                        [] a = "closed"   -> ~open
                        [] a = "id_used"  -> i \in Retained
                        [] a = "full"     -> ~HasSpace
                        [] OTHER          -> open /\ i \notin Retained /\ HasSpace

\* A task that retention has to forget: it has ended, is off its thread, and there is a reason.
Overdue == {t \in In("ended") \ stuck : Cardinality(In("ended")) > Keep \/ IsAged(t)}

----------------------------------------------------------------------------
(* Invariants. *)

TypeOK ==
    /\ \A t \in Ids : status[t] \in Statuses /\ key[t] \in AnyKey /\ request[t] \in Requests \cup {"none"}
    /\ \A n \in Names : holder[n] \in 0..Tasks
    /\ Len(ended) = Cardinality(In("ended")) /\ {ended[i] : i \in 1..Len(ended)} = In("ended")
    /\ aged \in 0..Len(ended)
    /\ stuck \subseteq Ids
    /\ open \in BOOLEAN

\* GR-2 "optional idempotency keys": two tasks for one key would do the work twice
OneTaskPerKey == \A n \in Names : Cardinality({t \in Retained : key[t] = n}) <= 1

\* section 2 "a failed registration poisons nothing": a key names a retained task that has it
\* and RG-1 "memory stays bounded": of a task that is not retained neither key nor request is
KeyNamesTask ==
    /\ \A n \in Names : holder[n] # 0 => holder[n] \in Retained /\ key[holder[n]] = n
    /\ \A t \in Ids \ Retained : key[t] = 0 /\ request[t] = "none"

\* GR-2 "conflicting reuse is answered as a conflict"; section 2 "while the task is retained,
\* same key and same request => same task"
SameKeySameTask == \A t \in Retained : key[t] # 0 => request[t] \in Requests /\ \A i \in Ids, r \in Requests :
    Answer(i, key[t], r) = IF r = request[t] THEN <<"attached", t>> ELSE <<"conflict", 0>>

\* GR-2 "conflicting reuse is answered as a conflict"; decision 3 "no limit is never the default for
\* a queue": each call has one answer, and what the answer says of the registry is so
OneTrueAnswer == \A i \in Ids, k \in AnyKey, r \in Requests :
    /\ Cardinality(Rows(i, k, r)) = 1
    /\ \A a \in Rows(i, k, r) : IsTrue(a, i, k, r)

\* decision 6 "an abandoned thread is named": so its task stays until the function comes
\* back, which it may at any moment
StuckIsNamed == \A t \in Ids :
    /\ t \in stuck => status[t] = "ended"
    /\ t \in stuck <=> ENABLED (LateReturn(t) /\ t \notin stuck')

\* section 2: over the limit => Evict is enabled whenever something is evictable
OverLimitImpliesEvictEnabled == Overdue # {} => ENABLED (\E t \in Ids : Evict(t))

----------------------------------------------------------------------------
(* Action properties: what a single step may do. *)

Leaves(t) == status[t] # "absent" /\ status'[t] = "absent"

\* section 2 "only terminal tasks leave"; LC-2 "a terminal status never changes"
TerminalOnlyEvicted == [][\A t \in Ids : /\ Leaves(t) => status[t] = "ended"
                                         /\ status[t] = "ended" => status'[t] \in {"ended", "absent"}]_vars

\* section 2 "oldest first": what ended earlier and stays is on its thread still
OldestFirst == [][\A t, u \in Ids : Leaves(t) /\ Before(u, t) => u \in stuck]_vars

\* section 2: the key leaves with its task, in the same step
EvictedKeyIsFree == [][\A t \in Ids : Leaves(t) => \A n \in Names : n = key[t] => holder'[n] = 0]_vars

\* section 2 "retention is the idempotency window": nothing is forgotten early
KeptWithinLimits == [][\A t \in Ids : Leaves(t) => t \in Overdue]_vars

----------------------------------------------------------------------------
(* Liveness.  The worker evicts before it parks.  Nothing is assumed of     *)
(* functions, of callers or of age; but when no more tasks come, the size   *)
(* must settle, whatever else goes on.                                      *)

Evicts == WF_vars(\E t \in Ids : Evict(t))

EvictSpec == Spec /\ Evicts

\* RG-1 "memory stays bounded": what is over the limit goes, but for what is still on a thread
SizeSettles == ~open ~> [](Overdue = {})

----------------------------------------------------------------------------
(* Reached: each of these is false somewhere. *)

NeverFull       == ~IsFull
NeverOverNumber == Len(ended) <= Keep
NeverOverAge    == aged = 0
NeverOvertaken  == \A t \in Ids : IsFirst(t) => t = ended[1]
=============================================================================
