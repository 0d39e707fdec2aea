----------------------------- MODULE Lifecycle -----------------------------
(***************************************************************************)
(* The life of a task, and of the worker that runs it.                     *)
(*                                                                         *)
(* Each action below is one row of the rule, and has the same name in the  *)
(* executable specification, in the worker's event log and in the report.  *)
(* A row is a guard (unprimed) and an effect (primed).  Read the rows from *)
(* Submit to Stopped and you have read the rule.                           *)
(*                                                                         *)
(* Time is not a number here.  What time does is an action of the          *)
(* environment that may happen at any moment: DrainDeadline, GraceSpent.   *)
(* A user's function is the environment too: it comes back with a value or *)
(* with an exception, now, later or never.                                 *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets

CONSTANTS
    N,         \* tasks submitted at most; they are 1..N, in order of admission
    Threads,   \* functions that may run at once
    QueueMax   \* tasks that may wait at once

VARIABLES
    status,      \* [Tasks -> Statuses]
    attempts,    \* [Tasks -> Nat]      how often it was started
    reason,      \* [Tasks -> Reasons]  why it is asked to cancel, or was cancelled
    executing,   \* [Tasks -> Nat]      its functions on threads: a counter, so that
                 \*                     a second one would be seen
    phase,       \* of the worker
    pending,     \* what a drain does with tasks that wait: "finish" or "cancel"
    grace_spent  \* after a stop: running functions had the time they were promised

vars == <<status, attempts, reason, executing, phase, pending, grace_spent>>

Tasks    == 1..N
Waiting  == {"queued"}
Live     == Waiting \cup {"running"}
Terminal == {"completed", "failed", "cancelled", "abandoned"}
Statuses == {"absent"} \cup Live \cup Terminal
Phases   == {"open", "draining", "stopping", "stopped"}
Reasons  == {"none", "user", "shutdown"}

----------------------------------------------------------------------------
(* Words of the rule *)

RECURSIVE SumOver(_, _)
SumOver(f, S) == IF S = {} THEN 0
                 ELSE LET t == CHOOSE x \in S : TRUE
                      IN  f[t] + SumOver(f, S \ {t})

In(S)         == {t \in Tasks : status[t] \in S}
WaitingCount  == Cardinality(In(Waiting))
ThreadsTaken  == SumOver(executing, Tasks)
HasRoom       == WaitingCount < QueueMax
SlotIsFree    == ThreadsTaken < Threads

\* A running task is asked to come back early: by a request, or by the stop.
Requested(t)  == reason[t] # "none" \/ phase = "stopping"
RequestedWhy(t) == IF reason[t] # "none" THEN reason[t] ELSE "shutdown"

\* It waits, and the shutdown has decided that it will not run.
Doomed(t)     == /\ status[t] \in Waiting
                 /\ \/ phase = "stopping"
                    \/ phase = "draining" /\ pending = "cancel"

\* Of the queued tasks, the one admitted first.
IsFirst(t)    == \A u \in Tasks : u < t => status[u] # "queued"

OnThread(t)   == status[t] = "running" /\ executing[t] > 0

----------------------------------------------------------------------------
(* What the effects have in common *)

WorkerUnchanged == UNCHANGED <<phase, pending, grace_spent>>

\* The one place where a task ends.  Its reason says why it was cancelled.
Ends(t, s, why) == /\ status' = [status EXCEPT ![t] = s]
                   /\ reason' = [reason EXCEPT ![t] = why]

Leaves(t) == executing' = [executing EXCEPT ![t] = @ - 1]

----------------------------------------------------------------------------
(* Admission *)

Submit(t) ==
    /\ phase = "open"
    /\ HasRoom
    /\ status[t] = "absent"
    /\ \A u \in Tasks : u < t => status[u] # "absent"
    /\ status' = [status EXCEPT ![t] = "queued"]
    /\ UNCHANGED <<attempts, reason, executing>> /\ WorkerUnchanged

\* A refused submit changes nothing.  The first reason that applies is the answer.
RejectClosed == phase # "open" /\ UNCHANGED vars
RejectFull   == phase = "open" /\ ~HasRoom /\ UNCHANGED vars
Reject       == RejectClosed \/ RejectFull

----------------------------------------------------------------------------
(* Execution *)

Start(t) ==
    /\ status[t] = "queued"
    /\ ~Doomed(t)
    /\ IsFirst(t)
    /\ SlotIsFree
    /\ status' = [status EXCEPT ![t] = "running"]
    /\ attempts' = [attempts EXCEPT ![t] = @ + 1]
    /\ executing' = [executing EXCEPT ![t] = @ + 1]
    /\ UNCHANGED reason /\ WorkerUnchanged

\* A function that came back did one of two things, and one row applies to it.
Outcomes == {"returned", "raised"}
CompleteApplies(t, o)          == o = "returned"
AcknowledgeCancelApplies(t, o) == o = "raised" /\ Requested(t)
FailApplies(t, o)              == o = "raised" /\ ~Requested(t)

\* It did the work: completed, even if it had been asked to stop.
Complete(t) ==
    /\ OnThread(t)
    /\ \E o \in Outcomes : CompleteApplies(t, o)
    /\ Ends(t, "completed", "none") /\ Leaves(t)
    /\ UNCHANGED attempts /\ WorkerUnchanged

AcknowledgeCancel(t) ==
    /\ OnThread(t)
    /\ \E o \in Outcomes : AcknowledgeCancelApplies(t, o)
    /\ Ends(t, "cancelled", RequestedWhy(t)) /\ Leaves(t)
    /\ UNCHANGED attempts /\ WorkerUnchanged

Fail(t) ==
    /\ OnThread(t)
    /\ \E o \in Outcomes : FailApplies(t, o)
    /\ Ends(t, "failed", "none") /\ Leaves(t)
    /\ UNCHANGED attempts /\ WorkerUnchanged

----------------------------------------------------------------------------
(* Cancellation *)

\* A task that waits is cancelled at once.
Cancel(t) ==
    /\ status[t] \in Waiting
    /\ Ends(t, "cancelled", "user")
    /\ UNCHANGED <<attempts, executing>> /\ WorkerUnchanged

\* A task that runs can only be asked.  Its status does not change.
RequestCancel(t) ==
    /\ status[t] = "running"
    /\ ~Requested(t)
    /\ reason' = [reason EXCEPT ![t] = "user"]
    /\ UNCHANGED <<status, attempts, executing>> /\ WorkerUnchanged

----------------------------------------------------------------------------
(* Shutdown *)

\* A drain may be tightened from "finish" to "cancel", never loosened.
BeginDrain(p) ==
    /\ \/ phase = "open"
       \/ phase = "draining" /\ pending = "finish" /\ p = "cancel"
    /\ phase' = "draining"
    /\ pending' = p
    /\ UNCHANGED <<status, attempts, reason, executing, grace_spent>>

ToStopping == /\ phase' = "stopping"
              /\ UNCHANGED <<status, attempts, reason, executing, pending, grace_spent>>

\* The phase only: one ShutdownCancel for each waiting task follows.
StopNow       == phase \in {"open", "draining"} /\ ToStopping
DrainDeadline == phase = "draining" /\ ToStopping

ShutdownCancel(t) ==
    /\ Doomed(t)
    /\ Ends(t, "cancelled", "shutdown")
    /\ UNCHANGED <<attempts, executing>> /\ WorkerUnchanged

GraceSpent ==
    /\ phase = "stopping"
    /\ ~grace_spent
    /\ grace_spent' = TRUE
    /\ UNCHANGED <<status, attempts, reason, executing, phase, pending>>

\* Its outcome is unknown, and the record says so.  The function stays on its thread.
Abandon(t) ==
    /\ phase = "stopping"
    /\ grace_spent
    /\ OnThread(t)
    /\ Ends(t, "abandoned", "none")
    /\ UNCHANGED <<attempts, executing>> /\ WorkerUnchanged

\* In any phase, or never.
LateReturn(t) ==
    /\ status[t] = "abandoned"
    /\ executing[t] > 0
    /\ Leaves(t)
    /\ UNCHANGED <<status, attempts, reason>> /\ WorkerUnchanged

Stopped ==
    /\ phase \in {"draining", "stopping"}
    /\ In(Live) = {}
    /\ phase' = "stopped"
    /\ UNCHANGED <<status, attempts, reason, executing, pending, grace_spent>>

----------------------------------------------------------------------------

Init ==
    /\ status      = [t \in Tasks |-> "absent"]
    /\ attempts    = [t \in Tasks |-> 0]
    /\ reason      = [t \in Tasks |-> "none"]
    /\ executing   = [t \in Tasks |-> 0]
    /\ phase       = "open"
    /\ pending     = "finish"
    /\ grace_spent = FALSE

Next ==
    \/ \E t \in Tasks :
          \/ Submit(t) \/ Start(t)
          \/ Complete(t) \/ AcknowledgeCancel(t) \/ Fail(t)
          \/ Cancel(t) \/ RequestCancel(t)
          \/ ShutdownCancel(t) \/ Abandon(t) \/ LateReturn(t)
    \/ Reject
    \/ \E p \in {"finish", "cancel"} : BeginDrain(p)
    \/ StopNow \/ DrainDeadline \/ GraceSpent \/ Stopped

Spec == Init /\ [][Next]_vars

----------------------------------------------------------------------------
(* Invariants.  Above each: the sentence it comes from. *)

TypeOK ==
    /\ status \in [Tasks -> Statuses]
    /\ attempts \in [Tasks -> Nat]
    /\ reason \in [Tasks -> Reasons]
    /\ executing \in [Tasks -> Nat]
    /\ phase \in Phases
    /\ pending \in {"finish", "cancel"}
    /\ grace_spent \in BOOLEAN

\* RG-1 "memory stays bounded"; decision 3 "no limit is never the default for a queue"
QueueCap == Cardinality(In(Live)) <= QueueMax + Threads

\* RL-4 "concurrency caps are never exceeded"
ConcurrencyCap == ThreadsTaken <= Threads

\* LC-1 "no duplicate execution"
OneExecutionAtATime == \A t \in Tasks : executing[t] <= 1

\* LC-1 "dispatched exactly once per attempt": without retries, one attempt
AttemptsBounded == \A t \in Tasks : attempts[t] <= 1

\* LC-3 "status transitions are atomic": running and on a thread are one thing
RunningHoldsSlot == \A t \in Tasks : status[t] = "running" => executing[t] = 1

\* RT-2 "holding no lock, slot or permit while waiting"
WaitingHoldsNothing == \A t \in Tasks : status[t] \in Waiting => executing[t] = 0

\* TC-2 "cancelling prevents execution": a waiting task is cancelled, not flagged
WaitingIsUncancelled == \A t \in Tasks : status[t] \in Waiting => reason[t] = "none"

\* decision 1 "status tells the truth": exactly one row for a function that came back
Rows(t, o) == {r \in {"Complete", "AcknowledgeCancel", "Fail"} :
                 \/ r = "Complete" /\ CompleteApplies(t, o)
                 \/ r = "AcknowledgeCancel" /\ AcknowledgeCancelApplies(t, o)
                 \/ r = "Fail" /\ FailApplies(t, o)}
OutcomeTotal  == \A t \in In({"running"}) : \A o \in Outcomes : Rows(t, o) # {}
OutcomeUnique == \A t \in In({"running"}) : \A o \in Outcomes : Cardinality(Rows(t, o)) <= 1

\* SD-4 "no thread is leaked": stopped means that nothing is left but named threads
StoppedIsQuiet == phase = "stopped" =>
    \A t \in Tasks : /\ status[t] \in Terminal \cup {"absent"}
                     /\ executing[t] > 0 => status[t] = "abandoned"

\* decision 6 "an abandoned thread is named, not counted as a leak"
ThreadsAreNamed == \A t \in Tasks : executing[t] > 0 => status[t] \in {"running", "abandoned"}

----------------------------------------------------------------------------
(* Action properties: what a single step may do. *)

Starts(t) == attempts'[t] > attempts[t]

\* RL-4 "concurrency caps are never exceeded"
StartWithinCap == [][(\E t \in Tasks : Starts(t)) => ThreadsTaken < Threads]_vars

\* decision 3: an accepted task found the worker open and the queue below its limit
AdmissionCap == [][\A t \in Tasks : status[t] = "absent" /\ status'[t] # "absent"
                      => phase = "open" /\ WaitingCount < QueueMax]_vars

\* LC-2 "a terminal status never changes"
TerminalIsImmutable == [][\A t \in Tasks : status[t] \in Terminal
                             => status'[t] = status[t] /\ reason'[t] = reason[t]]_vars

\* PRD Goals "queued -> running -> terminal"
OnlyAllowedEdges == [][\A t \in Tasks : status'[t] # status[t] =>
    \/ status[t] = "absent"  /\ status'[t] = "queued"
    \/ status[t] = "queued"  /\ status'[t] \in {"running", "cancelled"}
    \/ status[t] = "running" /\ status'[t] \in Terminal]_vars

\* section 2 "a phase may be skipped, never revisited"
Rank(p) == CASE p = "open" -> 0 [] p = "draining" -> 1 [] p = "stopping" -> 2 [] OTHER -> 3
PhaseIsMonotone == [][Rank(phase') >= Rank(phase)]_vars

\* decision 5: a drain may be tightened, never loosened
DrainOnlyTightens == [][phase = "draining" /\ pending = "cancel" => pending' = "cancel"]_vars

\* PRD Acceptance "canceled tasks do not execute"
NoStartAfterCancel == [][\A t \in Tasks : Starts(t) => status[t] # "cancelled" /\ reason[t] = "none"]_vars

\* SD-2 "graceful drain and hard stop are separate operations": stopping starts nothing
NoStartWhenDoomed == [][\A t \in Tasks : Starts(t) => phase \in {"open", "draining"}]_vars

\* decision 5 "pending="cancel" finishes only what runs"
DrainCancelRunsNothingNew == [][\A t \in Tasks :
    Starts(t) => ~(phase = "draining" /\ pending = "cancel")]_vars

\* TC-3 "cancelling never reschedules"
CancelNeverReschedules == [][\A t \in Tasks :
    status[t] = "running" /\ Requested(t) => status'[t] \notin Waiting]_vars

\* decision 1: only an exception after a request is a cancellation of what ran
CancelledWasAsked == [][\A t \in Tasks :
    status[t] = "running" /\ status'[t] = "cancelled" => Requested(t) /\ reason'[t] = RequestedWhy(t)]_vars

\* decision 4 "ties in order of admission"
StartsInOrder == [][\A t \in Tasks : Starts(t) => \A u \in Tasks : u < t => status[u] # "queued"]_vars

\* decision 6: only what is stuck after the grace is abandoned
AbandonOnlyStuck == [][\A t \in Tasks : status[t] # "abandoned" /\ status'[t] = "abandoned"
                          => phase = "stopping" /\ grace_spent /\ executing'[t] = 1]_vars

----------------------------------------------------------------------------
(* Liveness.  Fairness is assumed only of what the worker guarantees by     *)
(* itself.  StopCompletes assumes nothing of a user's function: it may      *)
(* never come back.                                                         *)

StopFairness == /\ WF_vars(GraceSpent)
                /\ \A t \in Tasks : WF_vars(ShutdownCancel(t)) /\ WF_vars(Abandon(t))
                /\ WF_vars(Stopped)

ComesBack(t) == Complete(t) \/ AcknowledgeCancel(t) \/ Fail(t)

WorkFairness == /\ \A t \in Tasks : /\ WF_vars(Start(t)) /\ WF_vars(ComesBack(t))
                                    /\ WF_vars(ShutdownCancel(t))
                /\ WF_vars(Stopped)

StopSpec    == Spec /\ StopFairness
DrainSpec   == Spec /\ WorkFairness

\* SD-4 "stop always completes within its bound, even with pending or stuck tasks"
StopCompletes == (phase = "stopping") ~> (phase = "stopped")

\* SD-2, with functions that return; a stop may overtake the drain
DrainCompletes == (phase = "draining") ~> (phase \in {"stopping", "stopped"})
=============================================================================
