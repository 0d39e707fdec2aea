------------------------------- MODULE Fanout -------------------------------
(***************************************************************************)
(* The fan-out: what is published is offered to every subscriber, and each *)
(* has a buffer with a bound and a policy for when it is full.             *)
(*                                                                         *)
(* A publication is one after the other, and is in flight until it has     *)
(* been offered to all who were subscribed when it was made.  A subscriber *)
(* may come and go at any time, in the middle of an offer to it as well.   *)
(* How long a blocking offer waits is no number here: its bound may be     *)
(* spent at any moment.                                                    *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    Publications,      \* at most
    Cap,               \* what a buffer holds
    Blocking,          \* subscribers for whom an offer waits, up to its bound
    DroppingOldest,    \* subscribers whose oldest goes when the buffer is full
    DroppingNewest     \* subscribers whose newest goes

VARIABLES
    published,    \* Nat                how many; they are numbered, and this is the last
    offering,     \* SUBSET Subs        to whom the last is still to be offered
    closed,       \* BOOLEAN            nothing more is published
    status,       \* [Subs -> Statuses]
    since,        \* [Subs -> Nat]      the last publication before it subscribed
    buffer,       \* [Subs -> Seq(Nat)] what waits for it
    delivered,    \* [Subs -> Nat]      how many it has got
    last,         \* [Subs -> Nat]      the last that it has got, or 0
    dropped       \* [Subs -> Nat]      how many it will not get

vars == <<published, offering, closed, status, since, buffer, delivered, last, dropped>>

Subs     == 1..(Blocking + DroppingOldest + DroppingNewest)
Statuses == {"new", "subscribed", "unsubscribed", "ended"}

Policy(s) == CASE s <= Blocking                  -> "block"
               [] s > Blocking + DroppingOldest  -> "drop_newest"
               [] OTHER                          -> "drop_oldest"

----------------------------------------------------------------------------
(* Words of the rule *)

HasRoom(s)   == Len(buffer[s]) < Cap
IsOffered(s) == offering' = offering \ {s}
IsDropped(s) == dropped' = [dropped EXCEPT ![s] = @ + 1]

----------------------------------------------------------------------------
(* The publisher *)

Publish ==
    /\ ~closed
    /\ published < Publications
    /\ offering = {}
    /\ published' = published + 1
    /\ offering' = {s \in Subs : status[s] = "subscribed"}
    /\ UNCHANGED <<closed, status, since, buffer, delivered, last, dropped>>

Put(s) ==
    /\ s \in offering
    /\ HasRoom(s)
    /\ buffer' = [buffer EXCEPT ![s] = Append(@, published)]
    /\ IsOffered(s)
    /\ UNCHANGED <<published, closed, status, since, delivered, last, dropped>>

DropOldest(s) ==
    /\ s \in offering
    /\ Policy(s) = "drop_oldest"
    /\ ~HasRoom(s)
    /\ buffer' = [buffer EXCEPT ![s] = Append(Tail(@), published)]
    /\ IsOffered(s) /\ IsDropped(s)
    /\ UNCHANGED <<published, closed, status, since, delivered, last>>

DropNewest(s) ==
    /\ s \in offering
    /\ Policy(s) = "drop_newest"
    /\ ~HasRoom(s)
    /\ IsOffered(s) /\ IsDropped(s)
    /\ UNCHANGED <<published, closed, status, since, buffer, delivered, last>>

\* The bound of a blocking offer is spent, and there is no room still.
GiveUp(s) ==
    /\ s \in offering
    /\ Policy(s) = "block"
    /\ ~HasRoom(s)
    /\ IsOffered(s) /\ IsDropped(s)
    /\ UNCHANGED <<published, closed, status, since, buffer, delivered, last>>

\* Nothing more is published; what is in flight goes on.  Closing again changes nothing.
Close ==
    /\ closed' = TRUE
    /\ UNCHANGED <<published, offering, status, since, buffer, delivered, last, dropped>>

----------------------------------------------------------------------------
(* The subscribers *)

\* It gets what is published from now on, so not what is in flight.  After the close that is
\* nothing, and it is told so.
Subscribe(s) ==
    /\ status[s] = "new"
    /\ status' = [status EXCEPT ![s] = "subscribed"]
    /\ since' = [since EXCEPT ![s] = published]
    /\ UNCHANGED <<published, offering, closed, buffer, delivered, last, dropped>>

Deliver(s) ==
    /\ status[s] = "subscribed"
    /\ buffer[s] # <<>>
    /\ buffer' = [buffer EXCEPT ![s] = Tail(@)]
    /\ delivered' = [delivered EXCEPT ![s] = @ + 1]
    /\ last' = [last EXCEPT ![s] = Head(buffer[s])]
    /\ UNCHANGED <<published, offering, closed, status, since, dropped>>

\* What waits is let go, and the offer in flight is withdrawn.
Unsubscribe(s) ==
    /\ status[s] = "subscribed"
    /\ status' = [status EXCEPT ![s] = "unsubscribed"]
    /\ buffer' = [buffer EXCEPT ![s] = <<>>]
    /\ IsOffered(s)
    /\ UNCHANGED <<published, closed, since, delivered, last, dropped>>

\* The subscriber is told that nothing more will come.
EndOfStream(s) ==
    /\ closed
    /\ status[s] = "subscribed"
    /\ buffer[s] = <<>>
    /\ s \notin offering
    /\ status' = [status EXCEPT ![s] = "ended"]
    /\ UNCHANGED <<published, offering, closed, since, buffer, delivered, last, dropped>>

----------------------------------------------------------------------------

Init ==
    /\ published = 0
    /\ offering = {}
    /\ closed = FALSE
    /\ status = [s \in Subs |-> "new"]
    /\ since = [s \in Subs |-> 0]
    /\ buffer = [s \in Subs |-> <<>>]
    /\ delivered = [s \in Subs |-> 0]
    /\ last = [s \in Subs |-> 0]
    /\ dropped = [s \in Subs |-> 0]

Next == \/ Publish
        \/ Close
        \/ \E s \in Subs : \/ Put(s) \/ DropOldest(s) \/ DropNewest(s) \/ GiveUp(s)
                           \/ Subscribe(s) \/ Deliver(s) \/ Unsubscribe(s) \/ EndOfStream(s)

Spec == Init /\ [][Next]_vars

----------------------------------------------------------------------------
(* Words of the laws, which look from outside. *)

\* What waits for a subscriber: in its buffer, and in flight.
InFlight(s) == IF s \in offering THEN 1 ELSE 0
Pending(s)  == Len(buffer[s]) + InFlight(s)

PublishedSince(s) == published - since[s]

\* What it has got and what it will get, in the order in which it will.
Stream(s) == <<last[s]>> \o buffer[s] \o IF s \in offering THEN <<published>> ELSE <<>>

----------------------------------------------------------------------------
(* Invariants. *)

TypeOK ==
    /\ published \in 0..Publications
    /\ offering \subseteq Subs
    /\ closed \in BOOLEAN
    /\ \A s \in Subs : /\ status[s] \in Statuses
                       /\ since[s] \in 0..published
                       /\ \A i \in 1..Len(buffer[s]) : buffer[s][i] \in 1..published
                       /\ delivered[s] \in Nat /\ last[s] \in 0..published /\ dropped[s] \in Nat

\* RS-1 "several subscribers each see every result", RS-2 "every drop is counted"; section 2:
\* delivered + dropped + pending = published since it subscribed
Accounted == \A s \in Subs : status[s] = "subscribed"
    => delivered[s] + dropped[s] + Pending(s) = PublishedSince(s)

\* RS-2 "bounded buffers"
Bounded == \A s \in Subs : Len(buffer[s]) <= Cap

\* section 2 "order kept"
OrderKept == \A s \in Subs : \A i \in 2..Len(Stream(s)) : Stream(s)[i - 1] < Stream(s)[i]

\* RS-2 "a chosen backpressure strategy": who drops the oldest always has the newest
NewestIsKept == \A s \in Subs :
    /\ Policy(s) = "drop_oldest"
    /\ status[s] = "subscribed"
    /\ PublishedSince(s) > 0
    => Stream(s)[Len(Stream(s))] = published

\* section 2: a slow subscriber never slows a worker under the drop policies
DropPoliciesNeverBlock == \A s \in offering :
    Policy(s) # "block" => ENABLED (Put(s) \/ DropOldest(s) \/ DropNewest(s))

\* SD-3 "nothing that a writer still uses is closed under it": at the end all is accounted for
AllSeenAtTheEnd == \A s \in Subs : status[s] = "ended"
    => delivered[s] + dropped[s] = PublishedSince(s) /\ s \notin offering

----------------------------------------------------------------------------
(* Action properties: what a single step may do. *)

\* section 2: unsubscribing withdraws the offer in flight, and nothing comes after it
NothingAfterUnsubscribe == [][\A s \in Subs : status[s] = "unsubscribed"
    => delivered'[s] = delivered[s] /\ buffer'[s] = <<>> /\ s \notin offering']_vars

\* SD-3 "nothing that a writer still uses is closed under it": a subscription ends once
EndsOnce == [][\A s \in Subs : status[s] \in {"unsubscribed", "ended"} => status'[s] = status[s]]_vars

\* RS-2 "bounded buffers": what has room is not dropped
DropsOnlyWhenFull == [][\A s \in Subs : dropped'[s] > dropped[s] => Len(buffer[s]) = Cap]_vars

\* RS-2 "a chosen backpressure strategy": but for who drops the oldest, what waits is not dropped
OldestIsKept == [][\A s \in Subs : dropped'[s] > dropped[s] /\ Policy(s) # "drop_oldest"
    => buffer'[s] = buffer[s]]_vars

----------------------------------------------------------------------------
(* Liveness.  The publisher goes on offering, and the bound of a blocking   *)
(* offer ends.  Nothing is assumed of the subscribers.                      *)

PublisherFairness == \A s \in Subs : /\ WF_vars(Put(s) \/ DropOldest(s) \/ DropNewest(s))
                                     /\ WF_vars(GiveUp(s))

PublisherSpec == Spec /\ PublisherFairness

\* section 2: a blocking subscriber slows a worker at most by its bound; then dropped, and counted
WorkerGoesOn == (offering # {}) ~> (offering = {})

----------------------------------------------------------------------------
(* Reached: each of these is false somewhere. *)

NeverFull         == \A s \in Subs : HasRoom(s)
NeverAllPublished == published < Publications
NeverGivenUp      == \A s \in Subs : Policy(s) = "block" => dropped[s] = 0
NeverEnded        == \A s \in Subs : status[s] # "ended"
=============================================================================
