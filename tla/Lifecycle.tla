----------------------------- MODULE Lifecycle -----------------------------
(***************************************************************************)
(* The life of a task, and of the worker that runs it.                     *)
(*                                                                         *)
(* Each action below is one row of the rule, and has the same name in the  *)
(* executable specification, in the worker's event log and in the report.  *)
(* A row is a guard (unprimed) and an effect (primed).  Read the rows from *)
(* Submit to PermitAccrues and you have read the rule.                     *)
(*                                                                         *)
(* Time is not a number here.  What time does is an action of the          *)
(* environment that may happen at any moment: DeadlinePasses,              *)
(* AttemptTimeoutPasses, PermitAccrues, DrainDeadline, GraceSpent.  A      *)
(* user's function is the environment too: it comes back with a value or   *)
(* with an exception, now, later or never.                                 *)
(*                                                                         *)
(* Three small machines say more: RateLimiter when a permit accrues,       *)
(* Queues which of several queues is next, Registry which ended task is    *)
(* forgotten and which key is whose.  Here each of these is left open.     *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets

CONSTANTS
    N,             \* tasks submitted at most; they are 1..N, in order of admission
    Threads,       \* functions that may run at once, to begin with
    OtherThreads,  \* what that number may be changed to, and back
    QueueMax,      \* tasks that may wait at once
    MaxRetries,    \* attempts after the first
    RetryTimeouts, \* whether the policy retries an attempt that timed out
    Burst,         \* permits that the worker's limiter holds at most; 0 is no limiter
    QueueBurst,    \* the same for each of the two queues
    PerQueue,      \* running tasks of one queue at most
    PerKey,        \* running tasks with the one concurrency key at most
    Pausable,      \* what is ever paused: a queue, by its number, or 0, the worker
    Retention,     \* whether tasks that ended are forgotten in the end
    Delayed,       \* the tasks with a time before which they do not start,
    Deadlines,     \*   those with a deadline,
    Timeouts,      \*   with a limit of time for each attempt,
    Children,      \*   with a parent, with which they are cancelled,
    Urgent,        \*   with the more urgent of two priorities,
    Second,        \*   in the second of two queues,
    Alike,         \*   with the one concurrency key,
    Keyed          \*   with the one idempotency key

VARIABLES
    status,        \* [Tasks -> Statuses]
    attempts,      \* [Tasks -> Nat]      how often it was started
    reason,        \* [Tasks -> Reasons]  why it is asked to cancel, or was cancelled
    executing,     \* [Tasks -> Nat]      its functions on threads: a counter, so that
                   \*                     a second one would be seen
    overdue,       \* [Tasks -> BOOLEAN]  while it is live: its deadline has passed
    attempt_over,  \* [Tasks -> BOOLEAN]  while it runs: the time of its attempt is over
    phase,         \* of the worker
    pending,       \* what a drain does with tasks that wait: "finish" or "cancel"
    grace_spent,   \* after a stop: running functions had the time they were promised
    admitted,      \* the highest number given
    permits,       \* starts that the worker's limiter would allow now
    queue_permits, \* [Queues -> Nat]     the same for each queue
    paused,        \* what is paused: a set of queues, with 0 in it the worker
    threads,       \* functions that may run at once, now
    peak           \* the most that ever might

of_tasks  == <<status, attempts, reason, executing, overdue, attempt_over>>
of_worker == <<phase, pending, grace_spent, admitted, permits, queue_permits, paused, threads, peak>>
vars      == <<status, attempts, reason, executing, overdue, attempt_over, phase, pending, grace_spent,
               admitted, permits, queue_permits, paused, threads, peak>>

Tasks    == 1..N
Queues   == 1..2
Waiting  == {"scheduled", "queued", "retrying"}
Live     == Waiting \cup {"running"}
Terminal == {"completed", "failed", "cancelled", "timed_out", "abandoned"}
Statuses == {"absent"} \cup Live \cup Terminal
Phases   == {"open", "draining", "stopping", "stopped"}
Reasons  == {"none", "user", "parent", "shutdown"}

----------------------------------------------------------------------------
(* Words of the rule *)

RECURSIVE SumOver(_, _)
SumOver(f, S) == IF S = {} THEN 0
                 ELSE LET t == CHOOSE x \in S : TRUE
                      IN  f[t] + SumOver(f, S \ {t})

In(S)         == {t \in Tasks : status[t] \in S}
QueueOf(t)    == IF t \in Second THEN 2 ELSE 1
WaitingCount  == Cardinality(In(Waiting))
ThreadsTaken  == SumOver(executing, Tasks)
HasRoom       == WaitingCount < QueueMax
KeyIsKnown    == In(Live \cup Terminal) \cap Keyed # {}

\* A running task is asked to come back early: by a request, or by the stop.
Requested(t)  == reason[t] # "none" \/ phase = "stopping"
RequestedWhy(t) == IF reason[t] # "none" THEN reason[t] ELSE "shutdown"

\* It waits, and the shutdown has decided that it will not run.
Doomed(t)     == /\ status[t] \in Waiting
                 /\ \/ phase = "stopping"
                    \/ phase = "draining" /\ pending = "cancel"
                    \/ phase = "draining" /\ status[t] = "scheduled"

\* A slot, and a permit of each limiter that applies, are free; nothing that applies is paused or at its cap.
SlotIsFree    == ThreadsTaken < threads
HasPermits(t) == /\ Burst > 0 => permits > 0
                 /\ QueueBurst > 0 => queue_permits[QueueOf(t)] > 0
IsPaused(t)   == 0 \in paused \/ QueueOf(t) \in paused
QueueHasRoom(t) == Cardinality({u \in In({"running"}) : QueueOf(u) = QueueOf(t)}) < PerQueue
KeyHasRoom(t) == t \in Alike => Cardinality(In({"running"}) \cap Alike) < PerKey
Fits(t)       == /\ SlotIsFree
                 /\ HasPermits(t)
                 /\ ~IsPaused(t)
                 /\ QueueHasRoom(t)
                 /\ KeyHasRoom(t)

MayStart(t)   == /\ status[t] = "queued"
                 /\ ~Doomed(t)
                 /\ ~overdue[t]
                 /\ Fits(t)

\* The more urgent priority, then the earlier admission.
Before(u, t)  == \/ u \in Urgent /\ t \notin Urgent
                 \/ (u \in Urgent <=> t \in Urgent) /\ u < t

\* Of the tasks in its queue that may start, the first.  Which queue is next, says Queues.
IsNext(t)     == \A u \in Tasks : QueueOf(u) = QueueOf(t) /\ Before(u, t) => ~MayStart(u)

OnThread(t)   == status[t] = "running" /\ executing[t] > 0

----------------------------------------------------------------------------
(* What the effects have in common *)

TasksUnchanged  == UNCHANGED <<status, attempts, reason, executing, overdue, attempt_over>>
WorkerUnchanged == UNCHANGED <<phase, pending, grace_spent, admitted, permits, queue_permits, paused,
                               threads, peak>>

\* The one place where a task ends.  Its reason says why it was cancelled.
Ends(t, s, why) == /\ status' = [status EXCEPT ![t] = s]
                   /\ reason' = [reason EXCEPT ![t] = why]
                   /\ overdue' = [overdue EXCEPT ![t] = FALSE]
                   /\ attempt_over' = [attempt_over EXCEPT ![t] = FALSE]

\* The attempt is over and another follows: no request was made, and the deadline stays what it was.
WaitsAgain(t) == /\ status' = [status EXCEPT ![t] = "retrying"]
                 /\ attempt_over' = [attempt_over EXCEPT ![t] = FALSE]
                 /\ UNCHANGED <<reason, overdue>>

Leaves(t) == executing' = [executing EXCEPT ![t] = @ - 1]

----------------------------------------------------------------------------
(* Admission *)

Submit(t) ==
    /\ phase = "open"
    /\ HasRoom
    /\ ~(t \in Keyed /\ KeyIsKnown)
    /\ t = admitted + 1
    /\ status' = [status EXCEPT ![t] = IF t \in Delayed THEN "scheduled" ELSE "queued"]
    /\ admitted' = t
    /\ UNCHANGED <<attempts, reason, executing, overdue, attempt_over>>
    /\ UNCHANGED <<phase, pending, grace_spent, permits, queue_permits, paused, threads, peak>>

\* The key is known, and the request is the same: that task is the answer, in any phase.
Attach == KeyIsKnown /\ UNCHANGED vars

\* A refused submit changes nothing.  The first reason that applies is the answer.
RejectKeyConflict == KeyIsKnown /\ UNCHANGED vars
RejectClosed == phase # "open" /\ UNCHANGED vars
RejectIdUsed == phase = "open" /\ In(Live \cup Terminal) # {} /\ UNCHANGED vars
RejectFull   == phase = "open" /\ ~HasRoom /\ UNCHANGED vars
Reject       == RejectKeyConflict \/ RejectClosed \/ RejectIdUsed \/ RejectFull

\* Never refused for want of room: no retry is lost.
BecomeDue(t) ==
    /\ status[t] \in {"scheduled", "retrying"}
    /\ ~Doomed(t)
    /\ status' = [status EXCEPT ![t] = "queued"]
    /\ UNCHANGED <<attempts, reason, executing, overdue, attempt_over>> /\ WorkerUnchanged

----------------------------------------------------------------------------
(* Execution *)

\* Slot, permit and task meet in this one step: nothing is taken before, so nothing is lost.
Start(t) ==
    /\ MayStart(t)
    /\ IsNext(t)
    /\ status' = [status EXCEPT ![t] = "running"]
    /\ attempts' = [attempts EXCEPT ![t] = @ + 1]
    /\ executing' = [executing EXCEPT ![t] = @ + 1]
    /\ permits' = IF Burst > 0 THEN permits - 1 ELSE permits
    /\ queue_permits' = IF QueueBurst > 0 THEN [queue_permits EXCEPT ![QueueOf(t)] = @ - 1]
                        ELSE queue_permits
    /\ UNCHANGED <<reason, overdue, attempt_over>>
    /\ UNCHANGED <<phase, pending, grace_spent, admitted, paused, threads, peak>>

\* What a function that came back did, and what is known of another attempt: whether the policy
\* would retry what was raised, and whether its instant would be before the deadline.
Outcomes(t) == [kind : {"returned", "raised"},
                retryable : BOOLEAN,
                next : IF t \notin Deadlines THEN {"before"}
                       ELSE IF overdue[t] THEN {"after"} ELSE {"before", "at", "after"}]

Late(t)        == overdue[t] \/ attempt_over[t]
CanRetry(t, o) == attempts[t] <= MaxRetries /\ o.next = "before"

\* One row applies to each.
TimeOutRetryApplies(t, o) ==
    /\ Late(t)
    /\ ~overdue[t]
    /\ ~Requested(t)
    /\ RetryTimeouts
    /\ CanRetry(t, o)

TimeOutApplies(t, o) == Late(t) /\ ~TimeOutRetryApplies(t, o)

CompleteApplies(t, o) == ~Late(t) /\ o.kind = "returned"

AcknowledgeCancelApplies(t, o) == ~Late(t) /\ o.kind = "raised" /\ Requested(t)

RetryApplies(t, o) ==
    /\ ~Late(t)
    /\ o.kind = "raised"
    /\ ~Requested(t)
    /\ o.retryable
    /\ CanRetry(t, o)

FailApplies(t, o) ==
    /\ ~Late(t)
    /\ o.kind = "raised"
    /\ ~Requested(t)
    /\ ~(o.retryable /\ CanRetry(t, o))

TimeOutRetry(t) ==
    /\ OnThread(t)
    /\ {o \in Outcomes(t) : TimeOutRetryApplies(t, o)} # {}
    /\ WaitsAgain(t) /\ Leaves(t)
    /\ UNCHANGED attempts /\ WorkerUnchanged

\* What it returned too late is discarded.
TimeOut(t) ==
    /\ OnThread(t)
    /\ {o \in Outcomes(t) : TimeOutApplies(t, o)} # {}
    /\ Ends(t, "timed_out", "none") /\ Leaves(t)
    /\ UNCHANGED attempts /\ WorkerUnchanged

\* It did the work: completed, even if it had been asked to stop.
Complete(t) ==
    /\ OnThread(t)
    /\ {o \in Outcomes(t) : CompleteApplies(t, o)} # {}
    /\ Ends(t, "completed", "none") /\ Leaves(t)
    /\ UNCHANGED attempts /\ WorkerUnchanged

AcknowledgeCancel(t) ==
    /\ OnThread(t)
    /\ {o \in Outcomes(t) : AcknowledgeCancelApplies(t, o)} # {}
    /\ Ends(t, "cancelled", RequestedWhy(t)) /\ Leaves(t)
    /\ UNCHANGED attempts /\ WorkerUnchanged

Retry(t) ==
    /\ OnThread(t)
    /\ {o \in Outcomes(t) : RetryApplies(t, o)} # {}
    /\ WaitsAgain(t) /\ Leaves(t)
    /\ UNCHANGED attempts /\ WorkerUnchanged

Fail(t) ==
    /\ OnThread(t)
    /\ {o \in Outcomes(t) : FailApplies(t, o)} # {}
    /\ Ends(t, "failed", "none") /\ Leaves(t)
    /\ UNCHANGED attempts /\ WorkerUnchanged

----------------------------------------------------------------------------
(* Cancellation *)

Whys(t) == IF t \in Children THEN {"user", "parent"} ELSE {"user"}

\* A task that waits is cancelled at once, in any phase.
Cancel(t) ==
    /\ status[t] \in Waiting
    /\ ~overdue[t]
    /\ \E why \in Whys(t) : Ends(t, "cancelled", why)
    /\ UNCHANGED <<attempts, executing>> /\ WorkerUnchanged

\* A task that runs can only be asked.  Its status does not change, and the first reason stays.
RequestCancel(t) ==
    /\ status[t] = "running"
    /\ ~Requested(t)
    /\ \E why \in Whys(t) : reason' = [reason EXCEPT ![t] = why]
    /\ UNCHANGED <<status, attempts, executing, overdue, attempt_over>> /\ WorkerUnchanged

\* Its deadline passed while it waited: it never runs, or never again.
Expire(t) ==
    /\ status[t] \in Waiting
    /\ overdue[t]
    /\ Ends(t, "timed_out", "none")
    /\ UNCHANGED <<attempts, executing>> /\ WorkerUnchanged

----------------------------------------------------------------------------
(* Shutdown *)

\* A drain may be tightened from "finish" to "cancel", never loosened.  It unpauses everything.
BeginDrain(p) ==
    /\ \/ phase = "open"
       \/ phase = "draining" /\ pending = "finish" /\ p = "cancel"
    /\ phase' = "draining"
    /\ pending' = p
    /\ paused' = {}
    /\ TasksUnchanged /\ UNCHANGED <<grace_spent, admitted, permits, queue_permits, threads, peak>>

ToStopping ==
    /\ phase' = "stopping"
    /\ TasksUnchanged
    /\ UNCHANGED <<pending, grace_spent, admitted, permits, queue_permits, paused, threads, peak>>

\* The phase only: one ShutdownCancel for each waiting task follows.
StopNow       == phase \in {"open", "draining"} /\ ToStopping
DrainDeadline == phase = "draining" /\ ToStopping

ShutdownCancel(t) ==
    /\ Doomed(t)
    /\ ~overdue[t]
    /\ Ends(t, "cancelled", "shutdown")
    /\ UNCHANGED <<attempts, executing>> /\ WorkerUnchanged

GraceSpent ==
    /\ phase = "stopping"
    /\ ~grace_spent
    /\ grace_spent' = TRUE
    /\ TasksUnchanged
    /\ UNCHANGED <<phase, pending, admitted, permits, queue_permits, paused, threads, peak>>

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
    /\ UNCHANGED <<status, attempts, reason, overdue, attempt_over>> /\ WorkerUnchanged

Stopped ==
    /\ phase \in {"draining", "stopping"}
    /\ In(Live) = {}
    /\ phase' = "stopped"
    /\ TasksUnchanged
    /\ UNCHANGED <<pending, grace_spent, admitted, permits, queue_permits, paused, threads, peak>>

\* It is forgotten, and its key is free in the same step.
Evict(t) ==
    /\ Retention
    /\ status[t] \in Terminal
    /\ executing[t] = 0
    /\ Ends(t, "absent", "none")
    /\ attempts' = [attempts EXCEPT ![t] = 0]
    /\ UNCHANGED executing /\ WorkerUnchanged

----------------------------------------------------------------------------
(* Operation.  What a new rate, weight or retention changes, say RateLimiter, Queues and Registry. *)

Pause(q) ==
    /\ phase = "open"
    /\ q \notin paused
    /\ paused' = paused \cup {q}
    /\ TasksUnchanged
    /\ UNCHANGED <<phase, pending, grace_spent, admitted, permits, queue_permits, threads, peak>>

Resume(q) ==
    /\ phase = "open"
    /\ q \in paused
    /\ paused' = paused \ {q}
    /\ TasksUnchanged
    /\ UNCHANGED <<phase, pending, grace_spent, admitted, permits, queue_permits, threads, peak>>

\* Whatever runs, runs on: the number of threads is a guard of Start.
Resize(n) ==
    /\ phase = "open"
    /\ n # threads
    /\ threads' = n
    /\ peak' = IF n > peak THEN n ELSE peak
    /\ TasksUnchanged
    /\ UNCHANGED <<phase, pending, grace_spent, admitted, permits, queue_permits, paused>>

SetRate      == phase = "open" /\ UNCHANGED vars
SetWeight    == phase = "open" /\ UNCHANGED vars
SetRetention == phase = "open" /\ UNCHANGED vars

----------------------------------------------------------------------------
(* Time *)

DeadlinePasses(t) ==
    /\ t \in Deadlines
    /\ status[t] \in Live
    /\ ~overdue[t]
    /\ overdue' = [overdue EXCEPT ![t] = TRUE]
    /\ UNCHANGED <<status, attempts, reason, executing, attempt_over>> /\ WorkerUnchanged

AttemptTimeoutPasses(t) ==
    /\ t \in Timeouts
    /\ status[t] = "running"
    /\ ~attempt_over[t]
    /\ attempt_over' = [attempt_over EXCEPT ![t] = TRUE]
    /\ UNCHANGED <<status, attempts, reason, executing, overdue>> /\ WorkerUnchanged

WorkerPermitAccrues ==
    /\ permits < Burst
    /\ permits' = permits + 1
    /\ UNCHANGED queue_permits

QueuePermitAccrues(q) ==
    /\ queue_permits[q] < QueueBurst
    /\ queue_permits' = [queue_permits EXCEPT ![q] = @ + 1]
    /\ UNCHANGED permits

PermitAccrues(q) ==
    /\ IF q = 0 THEN WorkerPermitAccrues ELSE QueuePermitAccrues(q)
    /\ TasksUnchanged /\ UNCHANGED <<phase, pending, grace_spent, admitted, paused, threads, peak>>

----------------------------------------------------------------------------

Init ==
    /\ status        = [t \in Tasks |-> "absent"]
    /\ attempts      = [t \in Tasks |-> 0]
    /\ reason        = [t \in Tasks |-> "none"]
    /\ executing     = [t \in Tasks |-> 0]
    /\ overdue       = [t \in Tasks |-> FALSE]
    /\ attempt_over  = [t \in Tasks |-> FALSE]
    /\ phase         = "open"
    /\ pending       = "finish"
    /\ grace_spent   = FALSE
    /\ admitted      = 0
    /\ permits       = Burst
    /\ queue_permits = [q \in Queues |-> QueueBurst]
    /\ paused        = {}
    /\ threads       = Threads
    /\ peak          = Threads

Next ==
    \/ \E t \in Tasks :
          \/ Submit(t) \/ BecomeDue(t) \/ Start(t)
          \/ TimeOutRetry(t) \/ TimeOut(t) \/ Complete(t)
          \/ AcknowledgeCancel(t) \/ Retry(t) \/ Fail(t)
          \/ Cancel(t) \/ RequestCancel(t) \/ Expire(t)
          \/ ShutdownCancel(t) \/ Abandon(t) \/ LateReturn(t) \/ Evict(t)
          \/ DeadlinePasses(t) \/ AttemptTimeoutPasses(t)
    \/ Attach \/ Reject
    \/ \E p \in {"finish", "cancel"} : BeginDrain(p)
    \/ StopNow \/ DrainDeadline \/ GraceSpent \/ Stopped
    \/ \E q \in Pausable : Pause(q) \/ Resume(q)
    \/ \E n \in {Threads} \cup OtherThreads : Resize(n)
    \/ SetRate \/ SetWeight \/ SetRetention
    \/ \E q \in {0} \cup Queues : PermitAccrues(q)

Spec == Init /\ [][Next]_vars

----------------------------------------------------------------------------
(* What a client can see: a module of its own, small enough to be read by every client. *)

Seen == [t \in Tasks |-> CASE status[t] \in Waiting -> "waiting"
                           [] status[t] = "absent"  -> IF t <= admitted THEN "forgotten" ELSE "unknown"
                           [] OTHER                 -> status[t]]
Client == INSTANCE Observable WITH seen        <- Seen,
                                   accepting   <- phase = "open",
                                   done        <- phase = "stopped",
                                   MaxAttempts <- MaxRetries + 1

----------------------------------------------------------------------------
(* Invariants.  Above each: the sentence it comes from. *)

TypeOK ==
    /\ status \in [Tasks -> Statuses]
    /\ attempts \in [Tasks -> Nat]
    /\ reason \in [Tasks -> Reasons]
    /\ executing \in [Tasks -> Nat]
    /\ overdue \in [Tasks -> BOOLEAN]
    /\ attempt_over \in [Tasks -> BOOLEAN]
    /\ phase \in Phases
    /\ pending \in {"finish", "cancel"}
    /\ grace_spent \in BOOLEAN
    /\ admitted \in 0..N
    /\ permits \in Nat
    /\ queue_permits \in [Queues -> Nat]
    /\ paused \subseteq {0} \cup Queues
    /\ threads \in {Threads} \cup OtherThreads
    /\ peak \in {Threads} \cup OtherThreads

\* RG-1 "memory stays bounded"; decision 3 "no limit is never the default for a queue"
QueueCap == Cardinality(In(Live)) <= QueueMax + peak

\* RL-4 "concurrency caps are never exceeded"
ConcurrencyCap == ThreadsTaken <= peak

\* RL-3 "burst is configurable and deterministic": a limiter never allows more at once
BurstCap == permits <= Burst /\ \A q \in Queues : queue_permits[q] <= QueueBurst

\* LC-1 "no duplicate execution"
OneExecutionAtATime == \A t \in Tasks : executing[t] <= 1

\* RT-1 "zero retries disables them; the maximum is configurable and exact"
AttemptsBounded == \A t \in Tasks : attempts[t] <= MaxRetries + 1

\* LC-3 "status transitions are atomic": running and on a thread are one thing
RunningHoldsSlot == \A t \in Tasks : status[t] = "running" => executing[t] = 1

\* RT-2 "holding no lock, slot or permit while waiting"
WaitingHoldsNothing == \A t \in Tasks : status[t] \in Waiting => executing[t] = 0 /\ ~attempt_over[t]

\* TC-2 "cancelling prevents execution": a waiting task is cancelled, not flagged
WaitingIsUncancelled == \A t \in Tasks : status[t] \in Waiting => reason[t] = "none"

\* decision 1 "status tells the truth": exactly one row for a function that came back
Rows(t, o) == {r \in {"TimeOutRetry", "TimeOut", "Complete", "AcknowledgeCancel", "Retry", "Fail"} :
                 \/ r = "TimeOutRetry" /\ TimeOutRetryApplies(t, o)
                 \/ r = "TimeOut" /\ TimeOutApplies(t, o)
                 \/ r = "Complete" /\ CompleteApplies(t, o)
                 \/ r = "AcknowledgeCancel" /\ AcknowledgeCancelApplies(t, o)
                 \/ r = "Retry" /\ RetryApplies(t, o)
                 \/ r = "Fail" /\ FailApplies(t, o)}
OutcomeTotal  == \A t \in In({"running"}) : \A o \in Outcomes(t) : Rows(t, o) # {}
OutcomeUnique == \A t \in In({"running"}) : \A o \in Outcomes(t) : Cardinality(Rows(t, o)) <= 1

\* SD-4 "no thread is leaked": stopped means that nothing is left but named threads
StoppedIsQuiet == phase = "stopped" =>
    \A t \in Tasks : /\ status[t] \in Terminal \cup {"absent"}
                     /\ executing[t] > 0 => status[t] = "abandoned"

\* decision 6 "an abandoned thread is named, not counted as a leak"
ThreadsAreNamed == \A t \in Tasks : executing[t] > 0 => status[t] \in {"running", "abandoned"}

\* LC-2 "terminal state is immutable": neither a deadline nor a timeout is about a task that has ended
EndedIsSettled == \A t \in Tasks : overdue[t] \/ attempt_over[t] => status[t] \in Live

\* TC-1 "timeout and deadline": what was given no limit of time is never late
LateHadALimit == \A t \in Tasks :
    /\ overdue[t] => t \in Deadlines
    /\ attempt_over[t] => t \in Timeouts

\* decision 14 "who": a reason is that of a cancellation, asked for or carried out
ReasonIsOfACancel == \A t \in Tasks : reason[t] # "none" => status[t] \in {"running", "cancelled"}

\* GR-2 "optional idempotency keys": of the tasks that are known, one has the key
OneTaskPerKey == Cardinality(In(Live \cup Terminal) \cap Keyed) <= 1

\* PRD "deterministic task lifecycle semantics": a submit has its answer, and no other.  A known key
\* answers in any phase (GR-2), and settings change while the worker is open (section 2)
EveryRequestIsAnswered ==
    LET known == {t \in Tasks : status[t] # "absent"}
        waiting == {t \in Tasks : status[t] \in {"scheduled", "queued", "retrying"}}
        open == phase = "open"
    IN  /\ ENABLED Attach            <=> known \cap Keyed # {}
        /\ ENABLED RejectKeyConflict <=> known \cap Keyed # {}
        /\ ENABLED RejectClosed      <=> ~open
        /\ ENABLED RejectIdUsed      <=> open /\ known # {}
        /\ ENABLED RejectFull        <=> open /\ Cardinality(waiting) >= QueueMax
        /\ ENABLED SetRate           <=> open
        /\ ENABLED SetWeight         <=> open
        /\ ENABLED SetRetention      <=> open

\* TC-2 "cancelling prevents execution, or stops what runs"; SD-2 "graceful drain and hard stop are
\* separate operations"; section 2 "Pause, Resume, Resize": whoever asks is heard
EveryRequestIsHeard ==
    /\ \A t \in Tasks :
          /\ status[t] \in {"scheduled", "queued", "retrying"} /\ ~overdue[t] => ENABLED <<Cancel(t)>>_vars
          /\ status[t] = "running" /\ reason[t] = "none" /\ phase # "stopping" => ENABLED <<RequestCancel(t)>>_vars
    /\ phase \in {"open", "draining"} => ENABLED <<StopNow>>_vars
    /\ phase = "draining" => ENABLED <<DrainDeadline>>_vars
    /\ ENABLED BeginDrain("finish") <=> phase = "open"
    /\ ENABLED BeginDrain("cancel") <=> phase = "open" \/ (phase = "draining" /\ pending = "finish")
    /\ phase = "open" => /\ \A q \in Pausable : ENABLED <<Pause(q) \/ Resume(q)>>_vars
                         /\ \A n \in OtherThreads \ {threads} : ENABLED <<Resize(n)>>_vars

\* decision 1 "status tells the truth": a function that came back has a row, and the row that it deserves
EveryReturnIsRecorded == \A t \in Tasks : status[t] = "running" /\ executing[t] > 0 =>
    LET late == overdue[t] \/ attempt_over[t]
        asked == reason[t] # "none" \/ phase = "stopping"
        more == attempts[t] <= MaxRetries /\ ~overdue[t]
    IN  /\ late /\ more /\ ~asked /\ RetryTimeouts => ENABLED <<TimeOutRetry(t)>>_vars
        \* Another attempt may be too late for the deadline, if there is one.
        /\ late => (ENABLED <<TimeOut(t)>>_vars <=> ~(more /\ ~asked /\ RetryTimeouts) \/ t \in Deadlines)
        /\ ~late => ENABLED <<Complete(t)>>_vars
        /\ ~late /\ asked => ENABLED <<AcknowledgeCancel(t)>>_vars
        /\ ~late /\ ~asked => ENABLED <<Fail(t)>>_vars
        /\ ~late /\ ~asked /\ more => ENABLED <<Retry(t)>>_vars

\* What must be possible for a task, lest it stay as it is for ever.
GoesOn(t) ==
    LET waits  == status[t] \in {"scheduled", "queued", "retrying"}
        doomed == \/ phase = "stopping"
                  \/ phase = "draining" /\ (pending = "cancel" \/ status[t] = "scheduled")
        ended  == status[t] \in {"completed", "failed", "cancelled", "timed_out", "abandoned"}
    IN  /\ waits /\ overdue[t] => ENABLED <<Expire(t)>>_vars
        /\ waits /\ doomed /\ ~overdue[t] => ENABLED <<ShutdownCancel(t)>>_vars
        /\ waits /\ ~doomed /\ status[t] # "queued" => ENABLED <<BecomeDue(t)>>_vars
        /\ status[t] = "running" /\ executing[t] > 0 /\ phase = "stopping" =>
              IF grace_spent THEN ENABLED <<Abandon(t)>>_vars ELSE ENABLED <<GraceSpent>>_vars
        /\ status[t] = "abandoned" /\ executing[t] > 0 => ENABLED <<LateReturn(t)>>_vars
        /\ Retention /\ ended /\ executing[t] = 0 => ENABLED <<Evict(t)>>_vars

\* PRD "task loss"; SD-4 "stop always completes"; RG-1 "memory stays bounded": what waits goes on or
\* ends, what is stuck is given up, what has ended can be forgotten, and permits accrue
NothingIsStuck ==
    /\ permits < Burst => ENABLED <<PermitAccrues(0)>>_vars
    /\ \A q \in 1..2 : queue_permits[q] < QueueBurst => ENABLED <<PermitAccrues(q)>>_vars
    /\ \A t \in Tasks : GoesOn(t)
    /\ phase \in {"draining", "stopping"}
       /\ (\A t \in Tasks : status[t] \notin {"scheduled", "queued", "retrying", "running"})
       => ENABLED <<Stopped>>_vars

\* PRD "reliable audit data": what is recorded has happened.  Only an answer, and a setting that this
\* module knows nothing of, changes nothing here
EveryEventIsNews == ~ENABLED (UNCHANGED vars /\ (
    \/ \E t \in Tasks :
          \/ Submit(t) \/ BecomeDue(t) \/ Start(t)
          \/ TimeOutRetry(t) \/ TimeOut(t) \/ Complete(t)
          \/ AcknowledgeCancel(t) \/ Retry(t) \/ Fail(t)
          \/ Cancel(t) \/ RequestCancel(t) \/ Expire(t)
          \/ ShutdownCancel(t) \/ Abandon(t) \/ LateReturn(t) \/ Evict(t)
          \/ DeadlinePasses(t) \/ AttemptTimeoutPasses(t)
    \/ \E p \in {"finish", "cancel"} : BeginDrain(p)
    \/ StopNow \/ DrainDeadline \/ GraceSpent \/ Stopped
    \/ \E q \in Pausable : Pause(q) \/ Resume(q)
    \/ \E n \in {Threads} \cup OtherThreads : Resize(n)
    \/ \E q \in 0..2 : PermitAccrues(q)))

\* RL-1 and section 2 "an empty, paused or limited queue delays nobody": of what may start, something can
WorkConserving == \A t \in Tasks :
    LET mine == {u \in Tasks : u \in Second <=> t \in Second}
        queue == IF t \in Second THEN 2 ELSE 1
    IN  /\ status[t] = "queued" /\ ~overdue[t]
        /\ phase = "open" \/ (phase = "draining" /\ pending = "finish")
        /\ ThreadsTaken < threads
        /\ Burst > 0 => permits > 0
        /\ QueueBurst > 0 => queue_permits[queue] > 0
        /\ paused \cap {0, queue} = {}
        /\ Cardinality({u \in mine : status[u] = "running"}) < PerQueue
        /\ t \in Alike => Cardinality({u \in Alike : status[u] = "running"}) < PerKey
        => ENABLED <<\E u \in mine : Start(u)>>_vars

\* DESIGN 1 "what a client can see": before anything happens, nothing
BeginsUnseen == admitted = 0 /\ phase = "open" => Client!Init

----------------------------------------------------------------------------
(* Action properties: what a single step may do. *)

Starts(t)  == attempts'[t] > attempts[t]
Changes(t) == status'[t] # status[t]

\* LC-3 "status transitions are atomic": a step is about one task, or about the worker
OneTaskAtATime == [][\A t, u \in Tasks : Changes(t) /\ Changes(u) => t = u]_vars

\* RL-4 "concurrency caps are never exceeded": of threads, of a queue, of a concurrency key
StartWithinCap == [][\A t \in Tasks : Starts(t) =>
    /\ ThreadsTaken < threads
    /\ Cardinality({u \in In({"running"}) : u \in Second <=> t \in Second}) < PerQueue
    /\ t \in Alike => Cardinality({u \in In({"running"}) : u \in Alike}) < PerKey]_vars

\* decision 3: an accepted task found the worker open and the queue below its limit
AdmissionCap == [][\A t \in Tasks : status[t] = "absent" /\ status'[t] # "absent"
                      => phase = "open" /\ WaitingCount < QueueMax]_vars

\* DESIGN 2 "next admission number": numbers are given in order, and never again
NumberedInOrder == [][admitted' # admitted => admitted' = admitted + 1 /\ status'[admitted'] # "absent"]_vars

\* LC-2 "a terminal status never changes"
TerminalIsImmutable == [][\A t \in Tasks : status[t] \in Terminal /\ status'[t] # "absent"
                             => status'[t] = status[t] /\ reason'[t] = reason[t]]_vars

\* RG-1 and decision 6: only what ended, and is off its thread, is ever forgotten
OnlyEndedAreForgotten == [][\A t \in Tasks : status[t] # "absent" /\ status'[t] = "absent"
                               => Retention /\ status[t] \in Terminal /\ executing[t] = 0]_vars

\* PRD Goals "queued -> running -> terminal", with a schedule before and retries in between
OnlyAllowedEdges == [][\A t \in Tasks : Changes(t) =>
    \/ status[t] = "absent"    /\ status'[t] = IF t \in Delayed THEN "scheduled" ELSE "queued"
    \/ status[t] = "scheduled" /\ status'[t] \in {"queued", "cancelled", "timed_out"}
    \/ status[t] = "queued"    /\ status'[t] \in {"running", "cancelled", "timed_out"}
    \/ status[t] = "retrying"  /\ status'[t] \in {"queued", "cancelled", "timed_out"}
    \/ status[t] = "running"   /\ status'[t] \in Terminal \cup {"retrying"}
    \/ status[t] \in Terminal  /\ status'[t] = "absent"]_vars

\* TC-4 "back at or after [its deadline], it is timed_out"; decision 1: no watcher decides it otherwise
LateIsTimedOut == [][\A t \in Tasks : Changes(t) =>
    /\ status[t] = "running" /\ attempt_over[t] => status'[t] \in {"timed_out", "retrying", "abandoned"}
    /\ status[t] = "running" /\ overdue[t] => status'[t] \in {"timed_out", "abandoned"}
    /\ status[t] \in Waiting /\ overdue[t] => status'[t] \in {"timed_out", "queued"}]_vars

\* TC-1 "the task's function receives its context with timeout and deadline": nothing else times it out
OnlyLateIsTimedOut == [][\A t \in Tasks : Changes(t) /\ status'[t] = "timed_out"
                            => overdue[t] \/ attempt_over[t]]_vars

\* decision 1: a deadline that has passed stays so for as long as the task is live
DeadlineIsKept == [][\A t \in Tasks : overdue[t] /\ status'[t] \in Live => overdue'[t]]_vars

\* section 2 "a phase may be skipped, never revisited"
Rank(p) == CASE p = "open" -> 0 [] p = "draining" -> 1 [] p = "stopping" -> 2 [] OTHER -> 3
PhaseIsMonotone == [][Rank(phase') >= Rank(phase)]_vars

\* decision 5: a drain may be tightened, never loosened
DrainOnlyTightens == [][phase = "draining" /\ pending = "cancel" => pending' = "cancel"]_vars

\* decision 5 "drain finishes running, queued and retrying tasks": nothing is paused in it
DrainIsUnpaused == [][phase' = "draining" => paused' = {}]_vars

\* section 2 "Start: open (not paused)": what is paused starts nothing
PausedStartsNothing == [][\A t \in Tasks : Starts(t) =>
    paused \cap {0, IF t \in Second THEN 2 ELSE 1} = {}]_vars

\* section 2 "shrinking preempts nobody"; decision 2: operating the worker touches no task
OperationTouchesNoTask == [][(paused' # paused \/ threads' # threads) => UNCHANGED of_tasks]_vars

\* section 2 "Pause, Resume, Resize: open"; what a drain unpauses, it unpauses as it begins
OperatedWhileOpen == [][paused' # paused \/ threads' # threads =>
    /\ phase = "open"
    /\ phase' = "open" \/ (phase' = "draining" /\ paused' = {} /\ threads' = threads)]_vars

\* PRD Acceptance "canceled tasks do not execute"
NoStartAfterCancel == [][\A t \in Tasks : Starts(t) => status[t] # "cancelled" /\ reason[t] = "none"]_vars

\* TC-4 "past its deadline a task never starts"
NoStartAfterDeadline == [][\A t \in Tasks : Starts(t) => ~overdue[t]]_vars

\* SD-2 "graceful drain and hard stop are separate operations": stopping starts nothing
NoStartWhenDoomed == [][\A t \in Tasks : Starts(t) => phase \in {"open", "draining"}]_vars

\* decision 5 "pending="cancel" finishes only what runs"
DrainCancelRunsNothingNew == [][\A t \in Tasks :
    Starts(t) => ~(phase = "draining" /\ pending = "cancel")]_vars

\* decision 5 "scheduled ones are cancelled with reason shutdown"
DrainStartsNothingScheduled == [][\A t \in Tasks :
    phase # "open" /\ status[t] = "scheduled" => status'[t] \in {"scheduled", "cancelled", "timed_out"}]_vars

\* decision 5 "finishes running, queued and retrying tasks": such a drain cancels nothing that is queued
DrainFinishes == [][\A t \in Tasks :
    phase = "draining" /\ pending = "finish" /\ Changes(t) /\ status'[t] = "cancelled"
        => status[t] = "scheduled" \/ reason'[t] # "shutdown"]_vars

\* TC-3 "cancelling never reschedules"
CancelNeverReschedules == [][\A t \in Tasks :
    status[t] = "running" /\ Requested(t) => status'[t] \notin Waiting]_vars

\* decision 1: only an exception after a request is a cancellation of what ran
CancelledWasAsked == [][\A t \in Tasks :
    status[t] = "running" /\ status'[t] = "cancelled" => Requested(t) /\ reason'[t] = RequestedWhy(t)]_vars

\* decision 1 "status tells the truth": after a request an exception is no failure, and work done is done
AskedNeverFails == [][\A t \in Tasks :
    Changes(t) /\ status'[t] = "failed" => reason[t] = "none" /\ phase # "stopping"]_vars

\* decision 14 "who": what is asked of a running task has one reason, the first
FirstReasonStays == [][\A t \in Tasks :
    status[t] = "running" /\ status'[t] = "running" /\ Requested(t) => reason'[t] = reason[t]]_vars

\* PRD "compliance teams need traceability": what was cancelled says why, and with a parent only a child is
CancelledSaysWhy == [][\A t \in Tasks : Changes(t) /\ status'[t] = "cancelled" =>
    /\ reason'[t] # "none"
    /\ reason'[t] = "shutdown" => phase \in {"draining", "stopping"}
    /\ reason'[t] = "parent" => t \in Children]_vars

\* RT-1 "the maximum is configurable and exact": no attempt but by a start, one at a time
OneAttemptPerStart == [][\A t \in Tasks : attempts'[t] # attempts[t] =>
    \/ status'[t] = "absent"
    \/ status[t] = "queued" /\ status'[t] = "running" /\ attempts'[t] = attempts[t] + 1]_vars

\* RL-1 "one limiter, applied exactly once per attempt": permits go with starts, and with nothing else
OnePermitPerStart == [][
    /\ permits' < permits => \E t \in Tasks : Starts(t)
    /\ \A t \in Tasks : Starts(t) /\ Burst > 0 => permits > 0 /\ permits' = permits - 1
    /\ \A q \in Queues : queue_permits'[q] < queue_permits[q]
          => \E t \in Tasks : Starts(t) /\ (q = 2 <=> t \in Second)
    /\ \A t \in Tasks : Starts(t) /\ QueueBurst > 0 =>
          LET q == IF t \in Second THEN 2 ELSE 1
          IN  queue_permits[q] > 0 /\ queue_permits'[q] = queue_permits[q] - 1]_vars

\* decision 4 "lower priority number runs sooner, ties in order of admission": what waits before it
\* in its queue is overdue, or its concurrency key is at its cap
StartsInOrder == [][\A t, u \in Tasks :
    /\ Starts(t) /\ status[u] = "queued" /\ ~overdue[u]
    /\ u \in Second <=> t \in Second
    /\ (u \in Urgent /\ t \notin Urgent) \/ ((u \in Urgent <=> t \in Urgent) /\ u < t)
    => u \in Alike /\ Cardinality({v \in Alike : status[v] = "running"}) >= PerKey]_vars

\* decision 6: only what is stuck after the grace is abandoned
AbandonOnlyStuck == [][\A t \in Tasks : Changes(t) /\ status'[t] = "abandoned"
                          => phase = "stopping" /\ grace_spent /\ executing'[t] = 1]_vars

\* decision 6: the grace is spent by a stop that waited for it
GraceIsOfTheStop == [][grace_spent' # grace_spent => phase = "stopping" /\ grace_spent']_vars

\* DESIGN 1: whatever the worker does inside, a client sees a step of Observable, or nothing
RefinesObservable == [][UNCHANGED Client!vars \/ Client!Next]_vars

----------------------------------------------------------------------------
(* Liveness.  Fairness is assumed only of what the worker guarantees by     *)
(* itself, and of users' functions where they are said to return.           *)
(* StopCompletes assumes nothing of them: they may never come back.         *)

ComesBack(t) == \/ TimeOutRetry(t) \/ TimeOut(t) \/ Complete(t)
                \/ AcknowledgeCancel(t) \/ Retry(t) \/ Fail(t)

StopFairness ==
    /\ WF_vars(GraceSpent)
    /\ \A t \in Tasks : WF_vars(ShutdownCancel(t))
    /\ \A t \in Tasks : WF_vars(Expire(t))
    /\ \A t \in Tasks : WF_vars(Abandon(t))
    /\ WF_vars(Stopped)

\* Time goes on and functions return.  Nothing is said of scheduled tasks: they must not be waited for.
DrainFairness ==
    /\ \A q \in {0} \cup Queues : WF_vars(PermitAccrues(q))
    /\ \A t \in Tasks : WF_vars(status[t] = "retrying" /\ BecomeDue(t))
    /\ \A t \in Tasks : WF_vars(Start(t))
    /\ \A t \in Tasks : WF_vars(ComesBack(t))
    /\ \A t \in Tasks : WF_vars(Expire(t))
    /\ \A t \in Tasks : WF_vars(ShutdownCancel(t))
    /\ WF_vars(Stopped)

\* A pause does not last; but it may come again and again, hence the strong fairness.
EndFairness ==
    /\ \A q \in {0} \cup Queues : WF_vars(PermitAccrues(q))
    /\ \A q \in Pausable : WF_vars(Resume(q))
    /\ \A t \in Tasks : WF_vars(BecomeDue(t))
    /\ \A t \in Tasks : SF_vars(Start(t))
    /\ \A t \in Tasks : WF_vars(ComesBack(t))
    /\ \A t \in Tasks : WF_vars(Expire(t))
    /\ \A t \in Tasks : WF_vars(ShutdownCancel(t))

ReturnFairness ==
    /\ \A t \in Tasks : WF_vars(ComesBack(t))
    /\ \A t \in Tasks : WF_vars(LateReturn(t))

StopSpec   == Spec /\ StopFairness
DrainSpec  == Spec /\ DrainFairness
EndSpec    == Spec /\ EndFairness
ReturnSpec == Spec /\ ReturnFairness

\* SD-4 "stop always completes within its bound, even with pending or stuck tasks"
StopCompletes == (phase = "stopping") ~> (phase = "stopped")

\* SD-2, with functions that return; a stop may overtake the drain
DrainCompletes == (phase = "draining") ~> (phase \in {"stopping", "stopped"})

\* PRD "task loss": every accepted task ends, if functions return and no pause lasts
EveryAcceptedTaskEnds == \A t \in Tasks : (status[t] \in Live) ~> (status[t] \notin Live)

\* decision 6: an abandoned function that comes back after all is recorded
LateReturnIsRecorded == \A t \in Tasks : (executing[t] > 0) ~> (executing[t] = 0)
----------------------------------------------------------------------------
(* Reached: each of these is false somewhere. *)

NeverFull         == HasRoom
NeverOverFull     == WaitingCount <= QueueMax
NeverOutOfSlots   == ~\E t \in In({"queued"}) : ThreadsTaken >= threads
NeverAtQueueCap   == ~\E t \in In({"queued"}) : SlotIsFree /\ ~QueueHasRoom(t)
NeverAtKeyCap     == ~\E t \in In({"queued"}) : SlotIsFree /\ ~KeyHasRoom(t)
NeverOutOfPermits == ~\E t \in In({"queued"}) : SlotIsFree /\ Burst > 0 /\ permits = 0
NeverOutOfQueuePermits == ~\E t \in In({"queued"}) :
                             SlotIsFree /\ QueueBurst > 0 /\ queue_permits[QueueOf(t)] = 0

NeverRefilledOne  == ~\E t \in Tasks \ Second :
                        attempts[t] > 0 /\ QueueBurst > 0 /\ queue_permits[1] = QueueBurst
NeverRefilledTwo  == ~\E t \in Second :
                        attempts[t] > 0 /\ QueueBurst > 0 /\ queue_permits[2] = QueueBurst

NeverLastRetry    == ~\E t \in Tasks : MaxRetries > 0 /\ attempts[t] = MaxRetries + 1
NeverOverdueWaiting == ~\E t \in In(Waiting) : overdue[t]
NeverExpired      == ~\E t \in Tasks : status[t] = "timed_out" /\ attempts[t] = 0
NeverOverdueRunning == ~\E t \in In({"running"}) : overdue[t]
NeverAttemptOver  == ~\E t \in In({"running"}) : attempt_over[t]
NeverAllCompleted == ~\A t \in Tasks : status[t] = "completed"
NeverChildCancelledAlone == ~\E t \in Children : status[t] = "cancelled" /\ reason[t] = "user"
NeverCancelledByParent == ~\E t \in Tasks : status[t] = "cancelled" /\ reason[t] = "parent"
NeverAllFail      == ~\A t \in Tasks : status[t] = "failed"
NeverAllAbandoned == ~\A t \in Tasks : status[t] = "abandoned"
NeverBackAfterTheEnd == ~(phase = "stopped" /\ \E t \in In({"abandoned"}) : executing[t] = 0)
NeverShrunk       == ThreadsTaken <= threads
NeverWaitsPaused  == ~\E t \in In({"queued"}) : SlotIsFree /\ IsPaused(t)
NeverKeyOfEnded   == In(Terminal) \cap Keyed = {}
NeverKeyAgain     == Cardinality({t \in Keyed : t <= admitted}) <= 1
NeverRetriesWhenFull == ~(~HasRoom /\ In({"retrying"}) # {})
NeverCancellingDrain == ~(phase = "draining" /\ pending = "cancel")
NeverRetriesInDrain == ~(phase = "draining" /\ pending = "finish" /\ In({"retrying"}) # {})
NeverPermitWaitInDrain == ~\E t \in In({"queued"}) : phase = "draining" /\ Burst > 0 /\ permits = 0
=============================================================================
