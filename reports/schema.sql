-- Results of runs. `quorate run --db FILE` appends to such a file; a failure always leaves one.
-- Times are nanoseconds of simulated time since the start of the timeline (negative: the warm-up
-- before it) unless a column says otherwise. Names of members and hosts are those of the scenario.

CREATE TABLE run (             -- one run of one scenario with one seed
    run          INTEGER PRIMARY KEY, -- number within this file; what the other tables refer to
    id           TEXT NOT NULL UNIQUE, -- scenario/seed@build; a repeated run replaces the one before
    scenario     TEXT NOT NULL, -- name of the scenario
    seed         INTEGER NOT NULL, -- the seed, as a signed 64-bit number
    build        TEXT NOT NULL, -- commit of the program, "-dirty" behind it if files were changed
    path         TEXT NOT NULL, -- the scenario file as it was named
    text         TEXT NOT NULL, -- the whole scenario; '' in the summary of a run that passed in a campaign
    knobs        TEXT NOT NULL, -- JSON object: what the seed drew or a flag set
    verdict      TEXT NOT NULL, -- pass, stopped, unsafe, stalled, nondeterministic, aborted, undecided, unmet
    fingerprint  TEXT NOT NULL, -- checker/rule/place, the same for the same kind of failure; '' if none
    reason       TEXT NOT NULL, -- the failure in words; '' if none
    trace_hash   TEXT NOT NULL, -- 16 hexadecimal digits over every event
    members      INTEGER NOT NULL, -- that the scenario names
    events       INTEGER NOT NULL, -- delivered by the engine's heap to one node or client
    ops          INTEGER NOT NULL, -- client requests that ended
    ops_ok       INTEGER NOT NULL, -- of these: acknowledged
    ops_refused  INTEGER NOT NULL, -- of these: certainly without effect
    ops_unknown  INTEGER NOT NULL, -- of these: nobody can tell from outside (timeouts)
    sim_ns       INTEGER NOT NULL, -- simulated time in all, warm-up and settling included
    wall_ns      INTEGER NOT NULL, -- real time of the machine that ran it
    cpu_ns       INTEGER NOT NULL, -- CPU time of it
    bound_ns     INTEGER NOT NULL, -- the oracle's bound for writes: how long must may take to hold
    must_ns      INTEGER NOT NULL, -- simulated time in which writes had to pass
    cannot_ns    INTEGER NOT NULL, -- and in which they could not
    may_ns       INTEGER NOT NULL  -- and in which the oracle did not say
);

CREATE TABLE step (            -- the timeline, as it went
    run          INTEGER NOT NULL, -- run.run
    n            INTEGER NOT NULL, -- place in the file, from 1
    line         INTEGER NOT NULL, -- of the scenario's text, from 1
    column_      INTEGER NOT NULL, -- of that line, from 1
    label        TEXT,             -- `as`, if given
    title        TEXT NOT NULL,    -- what the step does
    fired_ns     INTEGER,          -- NULL: it never fired
    finished_ns  INTEGER,          -- NULL: it never finished
    expected     TEXT NOT NULL,    -- '' if nothing was expected
    got          TEXT NOT NULL,    -- what happened
    met          INTEGER           -- 1 or 0; NULL: not judged
);

CREATE TABLE event (           -- every line of the trace
    run          INTEGER NOT NULL, -- run.run
    n            INTEGER NOT NULL, -- number of the engine's event; several lines may share it
    time_ns      INTEGER NOT NULL, -- when
    cause        INTEGER NOT NULL, -- number of the event that set it; 0 before the first
    node         TEXT NOT NULL,    -- to whom it was delivered; '' for the world itself
    kind         TEXT NOT NULL,    -- a word
    text         TEXT NOT NULL     -- the rest
);

CREATE TABLE op (              -- client history
    run          INTEGER NOT NULL, -- run.run
    n            INTEGER NOT NULL, -- in the order of the calls, from 1
    client       TEXT NOT NULL,    -- who called
    kind         TEXT NOT NULL,    -- put, get, get-serializable, or the words of a ctl step
    arg          TEXT NOT NULL,    -- key, key and value, or the command line
    call_ns      INTEGER NOT NULL, -- when it was called
    return_ns    INTEGER,          -- when it was answered; NULL: never within the run
    outcome      TEXT NOT NULL,    -- ok, refused, unknown
    revision     INTEGER,          -- of the answer's header; NULL without one
    result       TEXT NOT NULL     -- value read, or the error's text
);

CREATE TABLE fault (           -- what was done to members, disks and links
    run          INTEGER NOT NULL, -- run.run
    n            INTEGER NOT NULL, -- from 1
    label        TEXT NOT NULL,    -- of the step, or of its place in the file
    kind         TEXT NOT NULL,    -- start, stop, crash, power-off, pause, partition, settle
    target       TEXT NOT NULL,    -- members or groups
    from_ns      INTEGER NOT NULL, -- since when
    to_ns        INTEGER           -- until when; NULL: it was not undone
);

CREATE TABLE role (            -- each change of role, term or leader that a member told
    run          INTEGER NOT NULL, -- run.run
    time_ns      INTEGER NOT NULL, -- when
    member       TEXT NOT NULL,    -- who
    role         TEXT NOT NULL,    -- follower, pre-candidate, candidate, leader, learner, down
    term         INTEGER NOT NULL, -- its term
    leader       TEXT NOT NULL     -- whom it believes to lead; '' if nobody
);

CREATE TABLE config (          -- each configuration that became active on a member
    run          INTEGER NOT NULL, -- run.run
    time_ns      INTEGER NOT NULL, -- when
    member       TEXT NOT NULL,    -- on whom
    log_index    INTEGER NOT NULL, -- of the entry whose application activated it
    voters       TEXT NOT NULL,    -- names or IDs, by blanks
    learners     TEXT NOT NULL,    -- likewise
    quorum       INTEGER NOT NULL  -- votes that an election or a commit needs
);

CREATE TABLE availability (    -- what had to be possible, and what was
    run          INTEGER NOT NULL, -- run.run
    service      TEXT NOT NULL,    -- writes, linearizable-reads, serializable-reads, member-changes
    source       TEXT NOT NULL,    -- predicted (by the oracle) or observed (by the probes)
    from_ns      INTEGER NOT NULL, -- included
    to_ns        INTEGER NOT NULL, -- not included
    state        TEXT NOT NULL,    -- predicted: must, cannot, may; observed: served, failed
    reason       TEXT NOT NULL     -- quorum arithmetic in words; '' where there is none
);

CREATE TABLE violation (       -- what was wrong
    run          INTEGER NOT NULL, -- run.run
    n            INTEGER NOT NULL, -- from 1
    time_ns      INTEGER NOT NULL, -- when it happened
    checker      TEXT NOT NULL,    -- who saw it
    rule         TEXT NOT NULL,    -- which rule it breaks
    place        TEXT NOT NULL,    -- where in the code or the file
    text         TEXT NOT NULL     -- in words
);

CREATE TABLE probe (           -- marks on rare branches of the program
    run          INTEGER NOT NULL, -- run.run
    name         TEXT NOT NULL,    -- module.rare_branch
    hits         INTEGER NOT NULL  -- how often it was passed
);

CREATE TABLE metric (          -- counts that belong to no other table
    run          INTEGER NOT NULL, -- run.run
    name         TEXT NOT NULL,    -- what is counted
    value        INTEGER NOT NULL  -- how many
);

CREATE INDEX event_of_run ON event (run, n);
CREATE INDEX op_of_run ON op (run, n);
