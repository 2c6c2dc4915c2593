//! The workload's clients in the simulator: they ask what the generator says and write down what they see.

use splitbrain_checker::history::{
    Action, Answer as Said, Event, EventKind, Header, History, HistoryBuilder, NodeName, Outcome, ProcessId,
    ReadModeId, Value, Version,
};
use splitbrain_consensus::sim::{ClientOutcome, ClientRequest, Clients};
use splitbrain_consensus::{NodeId, Refusal};
use splitbrain_service::wire::{self, ErrorCode, outcome_of};
use splitbrain_service::{Answer, Command, Query};
use splitbrain_systems::Asked;

use super::workbench::Workbench;
use crate::workload::{Completion, Generator, Layout, Placement, Request, Thread};

/// One closed-loop client.
#[derive(Clone, Copy, Debug)]
struct Client {
    process: ProcessId,
    place: Placement,
    asked: Option<Request>,
    /// The greatest version that its session has seen.
    last_seen: u64,
    /// How often it was answered or refused.
    ops: u64,
}

/// A client that moves does so after so many ops, and after each that was refused.
const MOVE_EVERY_OPS: u64 = 5;

/// The clients of one simulated run.
pub(super) struct SimClients<M> {
    generator: Box<dyn Generator>,
    modes: Vec<M>,
    clients: Vec<Client>,
    layout: Layout,
    moves: bool,
    has_sessions: bool,
    builder: HistoryBuilder,
    last_ns: u64,
}

impl<M> SimClients<M> {
    pub(super) fn new(workbench: &Workbench, modes: Vec<M>, seed: u64) -> Self {
        let on_observers = workbench.read_modes.iter();
        let layout = Layout {
            voters: workbench.nodes.into(),
            observers: workbench.observers.into(),
            on_observers: on_observers.map(|mode| mode.asked == Asked::Observers).collect(),
        };
        let places = workbench.mix.place(&layout, workbench.threads);
        let client = |(thread, place)| Client {
            process: ProcessId(thread as u64),
            place,
            asked: None,
            last_seen: 0,
            ops: 0,
        };
        let nodes = workbench.nodes + workbench.observers;
        let header = Header {
            nodes: (1..=nodes).map(|id| NodeId(id).to_string()).collect(),
            read_modes: workbench
                .read_modes
                .iter()
                .map(|mode| mode.name.to_owned())
                .collect(),
            ..Header::default()
        };
        Self {
            generator: workbench.workload.generator(&workbench.mix, seed),
            modes,
            clients: places.into_iter().enumerate().map(client).collect(),
            layout,
            moves: workbench.moves,
            has_sessions: workbench.has_sessions,
            builder: HistoryBuilder::new(&header),
            last_ns: 0,
        }
    }

    /// What the clients saw.
    pub(super) fn into_history(self) -> History {
        self.builder.finish()
    }

    /// Goes on to the next node that serves its read mode, now and then, and where it was refused.
    fn move_on(&mut self, thread: usize, refused: bool) {
        let client = &mut self.clients[thread];
        client.ops += 1;
        if self.moves && (refused || client.ops.is_multiple_of(MOVE_EVERY_OPS)) {
            let nodes = self.layout.nodes_asked(client.place.read_mode);
            let next = client.place.node + 1;
            client.place.node = if nodes.contains(&next) { next } else { nodes.start };
        }
    }

    /// A moment of the history. Each event has its own: what the simulator does one after the other at one
    /// virtual microsecond really was one after the other.
    fn moment(&mut self, now_us: u64) -> u64 {
        self.last_ns = (now_us * 1000).max(self.last_ns + 1);
        self.last_ns
    }

    fn record(&mut self, thread: usize, time_ns: u64, request: Request, kind: EventKind) {
        let Request { key, action } = request;
        let process = self.clients[thread].process;
        let event = Event {
            time_ns,
            process,
            key,
            action,
            kind,
        };
        self.builder
            .push(&event)
            .expect("the simulator tells each client what happened in its order");
    }
}

impl<M: Copy> Clients<M> for SimClients<M> {
    fn threads(&self) -> usize {
        self.clients.len()
    }

    fn node(&self, thread: usize, _nodes: usize) -> usize {
        self.clients[thread].place.node
    }

    fn last_seen(&self, thread: usize) -> Option<splitbrain_consensus::Version> {
        let seen = splitbrain_consensus::Version(self.clients[thread].last_seen);
        self.has_sessions.then_some(seen)
    }

    fn invoke(&mut self, thread: usize, now_us: u64) -> ClientRequest<M> {
        let time_ns = self.moment(now_us);
        let place = self.clients[thread].place;
        let request = self.generator.next(Thread(thread), place.reader, time_ns);
        let read_mode = u8::try_from(place.read_mode).ok().map(ReadModeId);
        let node = u16::try_from(place.node).ok().map(NodeName);
        self.clients[thread].asked = Some(request);
        self.record(thread, time_ns, request, EventKind::Invoke { read_mode, node });
        let key = request.key.0;
        match request.action {
            Action::Read => ClientRequest::Read {
                mode: self.modes[place.read_mode],
                query: Query::Read { key }.encode(),
            },
            Action::Write { value } => ClientRequest::Write(Command::Write { key, value: value.0 }.encode()),
            Action::Cas { from, to } => ClientRequest::Write(
                Command::Cas {
                    key,
                    from: from.0,
                    to: to.0,
                }
                .encode(),
            ),
        }
    }

    fn complete(&mut self, thread: usize, now_us: u64, outcome: ClientOutcome) {
        let Some(request) = self.clients[thread].asked.take() else {
            return;
        };
        let time_ns = self.moment(now_us);
        let kind = event_of(request.action, outcome);
        self.record(thread, time_ns, request, kind);
        if let EventKind::Ok(said) | EventKind::Fail(said) = kind {
            let client = &mut self.clients[thread];
            client.last_seen = client.last_seen.max(said.version.map_or(0, |version| version.0));
        }
        let (outcome, observed) = match kind {
            EventKind::Ok(said) => (Outcome::Ok, said.observed),
            EventKind::Fail(said) => (Outcome::Fail, said.observed),
            EventKind::Info(_) | EventKind::Invoke { .. } => (Outcome::Info, None),
        };
        self.move_on(thread, outcome != Outcome::Ok);
        if outcome == Outcome::Info {
            self.clients[thread].process.0 += self.clients.len() as u64;
        }
        self.generator.observe(
            Thread(thread),
            &Completion {
                request,
                outcome,
                observed,
            },
        );
    }
}

/// What the history says of an outcome.
fn event_of(action: Action, outcome: ClientOutcome) -> EventKind {
    let (result, served_by, term) = match outcome {
        ClientOutcome::Result {
            result,
            served_by,
            term,
        } => (result, served_by, term),
        ClientOutcome::Refused(refusal) => return refused(action, code_of(refusal)),
    };
    let said = |observed: Option<Option<i64>>, version: u64, error: Option<ErrorCode>| Said {
        observed: observed.map(|value| value.map(Value)),
        version: Some(Version(version)),
        served_by: Some(NodeName(served_by.0 - 1)),
        term: Some(term),
        error: error.map(|code| code.0),
    };
    match Answer::decode(&result).expect("the service's own answer") {
        Answer::Value { value, version } => EventKind::Ok(said(Some(value), version.0, None)),
        Answer::Written { version } | Answer::Swapped { version } => {
            EventKind::Ok(said(None, version.0, None))
        }
        Answer::Mismatch { found, version } => EventKind::Fail(said(
            Some(Some(found)),
            version.0,
            Some(ErrorCode::PRECONDITION_FAILED),
        )),
        Answer::Missing => EventKind::Fail(said(Some(None), 0, Some(ErrorCode::KEY_DOES_NOT_EXIST))),
        Answer::Malformed => refused(action, ErrorCode::MALFORMED_REQUEST),
    }
}

/// The code that a node sends for a refusal.
fn code_of(refusal: Refusal) -> ErrorCode {
    match refusal {
        Refusal::Unknown => ErrorCode::TIMEOUT,
        Refusal::Unavailable => ErrorCode::TEMPORARILY_UNAVAILABLE,
        Refusal::NotSupported => ErrorCode::NOT_SUPPORTED,
    }
}

/// What an error means, by the one table of codes.
fn refused(action: Action, code: ErrorCode) -> EventKind {
    let said = Said {
        error: Some(code.0),
        ..Said::default()
    };
    match outcome_of(code, action == Action::Read) {
        wire::Outcome::Fail => EventKind::Fail(said),
        wire::Outcome::Ok | wire::Outcome::Info => EventKind::Info(said),
    }
}
