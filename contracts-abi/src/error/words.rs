//! One sentence for each error of the contracts. `{0:kind}` stands for an argument.

/// Errors after which the same intent may succeed when it is quoted or started anew.
pub(super) const RETRYABLE: &[&str] = &[
    "StaleBase",
    "RewardBelowMinimum",
    "PriceAboveMaximum",
    "DeadlinePassed",
    "PermitExpired",
    "RevealTooEarly",
    "SeedNotYet",
    "WindowOpen",
    "RollbackTooEarly",
    "CaseOpen",
    "NotYourTurn",
];

/// Signature and sentence.
pub(super) const SENTENCES: &[(&str, &str)] = &[
    // ─── Training ────────────────────────────────────────────────────────────────────────────────────────────────
    (
        "StaleBase(uint32,uint32)",
        "Your training started from version {0}, but the newest version is now {1}. Train again, from version {1}.",
    ),
    (
        "RewardBelowMinimum(uint256,uint256)",
        "The reward is {0:tokens} tokens now, less than the {1:tokens} you accept. Accept less, or train longer.",
    ),
    (
        "AccuracyOutOfRange(uint32,uint32)",
        "An accuracy of {0:percent}% cannot be: the most is {1:percent}%.",
    ),
    (
        "TooLittleImprovement(uint32,uint32)",
        "This reaches {0:percent}%, but the model's creator asks for {1:percent}% or more. Train longer.",
    ),
    (
        "TooManySteps(uint32,uint32)",
        "A training that was not announced beforehand is paid for {1} steps at most; this one claims {0}.",
    ),
    (
        "ParametersUnchanged(bytes32)",
        "The training changed nothing: its parameters are those it started from.",
    ),
    ("OutputMissing()", "The result does not name what the work produced."),
    ("ZeroUnits()", "A job has at least one step or one use."),
    // ─── Jobs ────────────────────────────────────────────────────────────────────────────────────────────────────
    ("UnknownModel(address)", "There is no model at {0:account}."),
    (
        "WrongState(uint64,uint8)",
        "Job {0} has moved on meanwhile. Reload the page to see how far it is.",
    ),
    ("OnlyWorker(uint64,address)", "Only {1:account}, who took job {0}, can do this."),
    ("OnlyRequester(uint64,address)", "Only {1:account}, who asked for job {0}, can do this."),
    (
        "Abandoned(uint64)",
        "The model's newest version has changed since job {0} was opened, so it cannot be paid. Its bond can be taken back.",
    ),
    (
        "NotAbandoned(uint64)",
        "Job {0} still builds on the newest version, so it cannot be given up.",
    ),
    ("LeaseOver(uint64,uint64)", "The time for job {0} ran out at {1:time}."),
    ("LeaseNotOver(uint64,uint64)", "The worker of job {0} has time until {1:time}."),
    ("SeedNeeded()", "Only a training that is proven by its result can be handed in at once."),
    (
        "SeedGone(uint64)",
        "Job {0} was taken so long ago that its random seed can no longer be read. Take it again.",
    ),
    (
        "SeedNotYet(uint64)",
        "The random seed of job {0} is in the next block. Try again in a moment.",
    ),
    (
        "ResultMismatch(uint64,bytes32,bytes32)",
        "This is not the result that job {0} was committed to.",
    ),
    (
        "RevealTooEarly(uint64)",
        "The result of job {0} can be revealed from the next block on. Try again in a moment.",
    ),
    ("WindowClosed(uint64)", "The time for doubts ended at {0:time}."),
    ("WindowOpen(uint64)", "Others can still doubt this until {0:time}. Try again then."),
    ("AlreadyChallenged(uint64)", "Somebody has doubted this before: see case {0}."),
    ("CaseOpen(uint64)", "The jury of case {0} has not decided yet."),
    ("OwnClaim(address)", "Nobody can doubt their own work."),
    // ─── Rounds ──────────────────────────────────────────────────────────────────────────────────────────────────
    (
        "RoundClosed(address,uint64)",
        "This round took trainings until {1:time}. Wait for the next version and train from that one.",
    ),
    (
        "RoundFull(address,uint32)",
        "This round has its {1} trainings. Wait for the next version and train from that one.",
    ),
    (
        "RoundNotDone(address,uint64,uint32,uint32)",
        "The round cannot be published yet: {2} trainings are undecided and {3} accepted, and it is open until {1:time}.",
    ),
    ("NothingToAverage(address)", "The round has a single training, which needs no average."),
    (
        "AverageWaiting(address,address)",
        "No average is waiting to be decided, or another one has to be decided first.",
    ),
    ("AverageNotOverdue(address,uint64)", "An average can still be posted until {1:time}."),
    // ─── Use ─────────────────────────────────────────────────────────────────────────────────────────────────────
    (
        "PriceAboveMaximum(uint256,uint256)",
        "The price has risen to {0:tokens} tokens, more than the {1:tokens} you accept. Accept more, or use the model less.",
    ),
    ("UnknownVersion(uint32,uint32)", "There is no version {0}: this model has {1} so far."),
    ("ZeroInferences()", "Ask the model at least once."),
    ("TooManyPoints(uint256,uint256)", "{0} points are too many to draw at once: the most is {1}."),
    (
        "DeadlinePassed(uint64,uint256)",
        "Your offer ran out at {0:time}, before the chain came to it. Nothing was paid: send it again.",
    ),
    // ─── Token ───────────────────────────────────────────────────────────────────────────────────────────────────
    (
        "InsufficientBalance()",
        "You do not hold enough of this model's tokens. Train the model to earn some.",
    ),
    ("InsufficientAllowance()", "The owner of these tokens has not allowed you to move that many."),
    ("PermitExpired()", "The signed permit has run out. Sign a new one."),
    (
        "InvalidPermit()",
        "The permit does not carry its owner's signature, or has been used before. Sign a new one.",
    ),
    (
        "InvalidRecipient(address)",
        "Tokens sent to {0:account} could never be moved again, so the transfer was stopped.",
    ),
    // ─── Ownership ───────────────────────────────────────────────────────────────────────────────────────────────
    (
        "RollbackNotAllowed(address)",
        "Only the creator and the two largest holders can do this, and the creator cannot stop a holder. Tokens that arrived in this very block do not count.",
    ),
    (
        "RollbackOutranked(address)",
        "{0:account} comes first here: the largest holder before the second, both before the creator.",
    ),
    (
        "RollbackTarget(uint32,uint32)",
        "The model is at version {1}; it can only go back to an older one, not to {0}.",
    ),
    ("NoRollbackRequested()", "Nobody is asking to go back to an older version."),
    ("RollbackTooEarly(uint64,uint256)", "This can be carried out from {0:time} on."),
    (
        "SeatLost(address)",
        "{0:account} asked for this but is no longer one of the two largest holders.",
    ),
    ("OnlySeatHolders(address)", "Only the two largest holders can do this."),
    (
        "MultiplierOutOfRange(uint256,uint256,uint256)",
        "A factor of {0:tokens} would hide amounts or show absurd ones; it must be from {1:tokens} to {2:short}.",
    ),
    // ─── Creation ────────────────────────────────────────────────────────────────────────────────────────────────
    (
        "NameLengthOutOfRange(uint256,uint256,uint256)",
        "The name takes {0} bytes; it must have from {1} to {2}. A plain letter takes one byte, an accented letter or a sign more.",
    ),
    (
        "SymbolLengthOutOfRange(uint256,uint256,uint256)",
        "The symbol takes {0} bytes; it must have from {1} to {2}. A plain letter takes one byte, an accented letter or a sign more.",
    ),
    (
        "SupplyOutOfRange(uint256,uint256,uint256)",
        "The supply is {0:tokens} tokens; it must be from {1:tokens} to {2:short}.",
    ),
    (
        "AlphaOutOfRange(uint64,uint64,uint64)",
        "The speed of the reward curve (alpha) is {0:tokens}; it must be from {1:tokens} to {2:tokens}, so that one reference training earns between a millionth and half of the pool.",
    ),
    (
        "ReferenceStepsOutOfRange(uint32,uint32,uint32)",
        "A reference training has {0} steps; it must have from {1} to {2}.",
    ),
    (
        "InferenceUnitOutOfRange(uint64,uint64,uint64)",
        "One use weighs {0:tokens} of a reference training; it must weigh from {1:tokens} to {2:tokens}.",
    ),
    ("BondMissing()", "A job needs a bond, or it could be abandoned for nothing."),
    (
        "JurySizeOutOfRange(uint8,uint8,uint8)",
        "A jury of {0} cannot be; it must be odd, from {1} to {2}.",
    ),
    (
        "SecondsOutOfRange(uint32,uint32,uint32)",
        "{0:duration} is no time for this; it must be from {1:duration} to {2:duration}.",
    ),
    (
        "ImprovementOutOfRange(uint32,uint32)",
        "No training improves by {0:percent}%: the most is {1:percent}%.",
    ),
    ("ManifestMissing()", "The model needs a manifest, which names its architecture and its data."),
    ("GenesisMissing()", "The model needs first parameters to start from."),
    ("OnlyFactory(address)", "Only the factory sets up a model; {0:account} is not the factory."),
    ("AlreadyInitialized()", "The model has been set up before."),
    // ─── Juries ──────────────────────────────────────────────────────────────────────────────────────────────────
    (
        "StakeTooSmall(uint256,uint256)",
        "An auditor stakes at least {1:tokens} coins; this would be {0:tokens}.",
    ),
    (
        "TooFewAuditors(uint256,uint256)",
        "Only {0} auditors besides the two sides could judge this, and a jury needs {1}. Anybody can become one.",
    ),
    ("NotAnAuditor(address)", "{0:account} is no auditor."),
    (
        "CannotLeaveYet(uint64,uint256,uint256)",
        "You can leave from {0:time} on, once your {1} open cases are closed and {2} juries are drawn.",
    ),
    (
        "WrongStage(uint64,uint8)",
        "Case {0} has moved on meanwhile. Reload the page to see how far it is.",
    ),
    ("NotAJuror(uint64,address)", "You are not on the jury of case {0}."),
    ("VotedBefore(uint64,address)", "You have voted in case {0} before."),
    ("OutOfTime(uint64,uint256)", "It is not the time for this in case {0}."),
    (
        "VoteMismatch(uint64,bytes32,bytes32)",
        "This is not the vote that you committed to in case {0}.",
    ),
    ("EmptyVote()", "A vote is not empty."),
    (
        "RandomnessNotYet(uint64,uint256)",
        "The jury is drawn by block {0}, which has not come yet. Try again in a moment.",
    ),
    // ─── Turns ───────────────────────────────────────────────────────────────────────────────────────────────────
    ("UnknownKinds(uint8)", "A worker waits for trainings, for uses, or for both."),
    ("NotEnlisted(address,address)", "{1:account} does not wait for this model's jobs."),
    (
        "StillThere(address,uint256)",
        "{0:account} was seen lately; it can be taken off after block {1} if it stays silent.",
    ),
    (
        "NotYourTurn(uint64,address,uint256)",
        "Job {0} is another worker's first. Yours is the turn after that, if nobody takes it before.",
    ),
    // ─── Scores ──────────────────────────────────────────────────────────────────────────────────────────────────
    ("EpochNotOver(uint64,uint256)", "Epoch {0} goes on until block {1}."),
    ("NothingScored(uint64)", "Nobody worked in epoch {0}, so there is nothing to pay."),
    (
        "WrongStatus(uint64,uint8)",
        "Epoch {0} has moved on meanwhile. Reload the page to see how far it is.",
    ),
    ("RootMissing()", "The weights have no root."),
    ("PostingFinal(uint64)", "The time for doubts ended at {0:time}."),
    ("PostingOpen(uint64)", "Others can still doubt these weights until {0:time}. Try again then."),
    ("PostingAwaited(uint64,uint256)", "Weights of epoch {0} can still be posted until block {1}."),
    ("WrongProof(address,uint256)", "The proof does not show that {0:account} has this weight."),
    ("ClaimedBefore(address)", "{0:account} has been paid before."),
    (
        "EmissionExceeded(uint256,uint256)",
        "These weights add up to more than the epoch pays ({1:tokens} tokens).",
    ),
    // ─── Files ───────────────────────────────────────────────────────────────────────────────────────────────────
    ("EmptyFile()", "The file is empty."),
    (
        "SizeMismatch(uint32,uint32)",
        "The file has {0} bytes, but its first part was stored as of a file of {1}.",
    ),
    ("WrongPart(uint256,uint256)", "Part {1} of the file comes next, not part {0}."),
    (
        "WrongPartLength(uint256,uint256,uint256)",
        "Part {0} of the file has {1} bytes; it must have {2}.",
    ),
    // ─── Bonds ───────────────────────────────────────────────────────────────────────────────────────────────────
    (
        "InsufficientDeposit(address,address,uint256,uint256)",
        "{3:tokens} are needed as a bond or to withdraw, but only {2:tokens} are free.",
    ),
    ("UnknownAsset(address)", "{0:account} is no model's token."),
    ("OnlyProtocol(address)", "Only Delea's own contracts can do this."),
    ("OnlyJobs(address)", "Only Delea's own contracts can do this."),
    ("OnlyCourt(address)", "Only Delea's own contracts can do this."),
    // ─── Libraries ───────────────────────────────────────────────────────────────────────────────────────────────
    ("ETHTransferFailed()", "The receiver does not take coins. Withdraw to another address."),
    ("TransferFailed()", "The tokens could not be sent."),
    (
        "TransferFromFailed()",
        "The tokens could not be taken: you hold too few, or have not allowed it.",
    ),
    ("DeploymentFailed()", "The contract stopped on a fault of its own: DeploymentFailed."),
    ("ExpOverflow()", "The contract stopped on a fault of its own: ExpOverflow."),
    ("FullMulDivFailed()", "A number is too large for the contract."),
    ("TotalSupplyOverflow()", "The contract stopped on a fault of its own: TotalSupplyOverflow."),
    ("AllowanceOverflow()", "The allowance would be too large."),
    ("AllowanceUnderflow()", "The allowance would be below zero."),
    (
        "Permit2AllowanceIsFixedAtInfinity()",
        "The contract stopped on a fault of its own: Permit2AllowanceIsFixedAtInfinity.",
    ),
];
