----------------------------- MODULE Observable -----------------------------
(***************************************************************************)
(* What a client can see: for each task whether it waits, runs or how it   *)
(* ended, and how often it was started; of the worker whether it accepts   *)
(* tasks, and whether its shutdown is done.                                *)
(*                                                                         *)
(* Nothing is said of threads, limiters, priorities, drains and deadlines: *)
(* whatever they do, a client sees one of these steps, or none.  Lifecycle *)
(* refines this module; TLC checks it (RefinesObservable).                 *)
(***************************************************************************)
EXTENDS Naturals

CONSTANTS
    N,          \* tasks submitted at most; they are 1..N, in order of admission
    MaxAttempts \* starts of a task at most

VARIABLES
    seen,       \* [Tasks -> Sights]
    attempts,   \* [Tasks -> Nat]  how often it was started
    accepting,  \* whether a submit may succeed
    done        \* whether the shutdown is done

vars == <<seen, attempts, accepting, done>>

Tasks  == 1..N
Ended  == {"completed", "failed", "cancelled", "timed_out", "abandoned"}
Sights == {"unknown", "waiting", "running", "forgotten"} \cup Ended

----------------------------------------------------------------------------
(* The steps *)

Accept(t) ==
    /\ accepting
    /\ seen[t] = "unknown"
    /\ \A u \in Tasks : u < t => seen[u] # "unknown"
    /\ seen' = [seen EXCEPT ![t] = "waiting"]
    /\ UNCHANGED <<attempts, accepting, done>>

Begin(t) ==
    /\ seen[t] = "waiting"
    /\ attempts[t] < MaxAttempts
    /\ seen' = [seen EXCEPT ![t] = "running"]
    /\ attempts' = [attempts EXCEPT ![t] = @ + 1]
    /\ UNCHANGED <<accepting, done>>

\* Another attempt will follow.
WaitAgain(t) ==
    /\ seen[t] = "running"
    /\ seen' = [seen EXCEPT ![t] = "waiting"]
    /\ UNCHANGED <<attempts, accepting, done>>

\* It ends where it waits: it is cancelled, or its deadline passed.
EndWaiting(t) ==
    /\ seen[t] = "waiting"
    /\ \E s \in {"cancelled", "timed_out"} : seen' = [seen EXCEPT ![t] = s]
    /\ UNCHANGED <<attempts, accepting, done>>

EndRunning(t) ==
    /\ seen[t] = "running"
    /\ \E s \in Ended : seen' = [seen EXCEPT ![t] = s]
    /\ UNCHANGED <<attempts, accepting, done>>

Forget(t) ==
    /\ seen[t] \in Ended
    /\ seen' = [seen EXCEPT ![t] = "forgotten"]
    /\ attempts' = [attempts EXCEPT ![t] = 0]
    /\ UNCHANGED <<accepting, done>>

\* Once it is closed it can be closed again, and that changes nothing; so with the end.
Close ==
    /\ accepting' = FALSE
    /\ UNCHANGED <<seen, attempts, done>>

Finish ==
    /\ ~accepting
    /\ \A t \in Tasks : seen[t] \notin {"waiting", "running"}
    /\ done' = TRUE
    /\ UNCHANGED <<seen, attempts, accepting>>

----------------------------------------------------------------------------

Init ==
    /\ seen      = [t \in Tasks |-> "unknown"]
    /\ attempts  = [t \in Tasks |-> 0]
    /\ accepting = TRUE
    /\ done      = FALSE

Next ==
    \/ \E t \in Tasks :
          \/ Accept(t) \/ Begin(t) \/ WaitAgain(t)
          \/ EndWaiting(t) \/ EndRunning(t) \/ Forget(t)
    \/ Close \/ Finish

Spec == Init /\ [][Next]_vars

----------------------------------------------------------------------------
(* Invariants.  Above each: the sentence it comes from. *)

TypeOK ==
    /\ seen \in [Tasks -> Sights]
    /\ attempts \in [Tasks -> Nat]
    /\ accepting \in BOOLEAN
    /\ done \in BOOLEAN

\* SD-4 "stop always completes": done means that nothing waits and nothing is known to run
DoneIsQuiet == done => ~accepting /\ \A t \in Tasks : seen[t] \notin {"waiting", "running"}

\* LC-1 "dispatched exactly once per attempt": what a client finds done was started
DoneWasStarted == \A t \in Tasks : seen[t] \in {"completed", "failed", "abandoned"} => attempts[t] > 0

\* RT-1 "zero retries disables them; the maximum is configurable and exact"
AttemptsBounded == \A t \in Tasks : attempts[t] <= MaxAttempts

\* DESIGN 2 "next admission number": numbers are given in order, and none is left out
NumberedInOrder == \A t, u \in Tasks : u < t /\ seen[u] = "unknown" => seen[t] = "unknown"

----------------------------------------------------------------------------
(* Action properties: what a single step may do. *)

\* LC-2 "a terminal status never changes"
EndIsFinal == [][\A t \in Tasks : seen[t] \in Ended => seen'[t] \in {seen[t], "forgotten"}]_vars

\* PRD Goals "queued -> running -> terminal": what a client sees next, after what it has seen
OnlyAllowedSights == [][\A t \in Tasks : seen'[t] # seen[t] =>
    \/ seen[t] = "unknown" /\ seen'[t] = "waiting"
    \/ seen[t] = "waiting" /\ seen'[t] \in {"running", "cancelled", "timed_out"}
    \/ seen[t] = "running" /\ seen'[t] \in {"waiting"} \cup Ended
    \/ seen[t] \in Ended /\ seen'[t] = "forgotten"]_vars

\* RT-1 "the maximum is configurable and exact": each start is counted, and nothing else is
OneAttemptPerStart == [][\A t \in Tasks :
    CASE seen[t] = "waiting" /\ seen'[t] = "running" -> attempts'[t] = attempts[t] + 1
      [] seen'[t] = "forgotten"                      -> attempts'[t] = 0
      [] OTHER                                       -> attempts'[t] = attempts[t]]_vars

\* RG-1: what is forgotten stays so, and nothing but what ended is
ForgottenStaysSo == [][\A t \in Tasks :
    /\ seen[t] = "forgotten" => seen'[t] = "forgotten"
    /\ seen'[t] = "forgotten" => seen[t] \in Ended \cup {"forgotten"}]_vars

\* SD-1 "stop is idempotent": a worker that is closed accepts nothing, and stays closed
ClosedStaysClosed == [][~accepting => ~accepting'
    /\ \A t \in Tasks : seen[t] = "unknown" => seen'[t] = "unknown"]_vars

\* LC-3 "status transitions are atomic": a client never sees two tasks change at once
OneSightAtATime == [][\A t, u \in Tasks : seen'[t] # seen[t] /\ seen'[u] # seen[u] => t = u]_vars
=============================================================================
