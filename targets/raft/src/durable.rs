//! What has reached the disk. Records are handed out in numbered batches, and the host tells when a batch is
//! persisted; until then nothing that vouches for its content may leave.

use std::collections::VecDeque;

use crate::message::Index;

#[derive(Debug, Default)]
pub(crate) struct Durable {
    /// The last index of the log that is known to be on disk.
    index: Index,
    /// The batches on their way: position, and the last index of the log after it.
    on_their_way: VecDeque<(u64, Index)>,
    /// A vote is among the records not yet handed out.
    vote_recorded: bool,
    /// The batch that carries the latest vote, until it is persisted.
    vote_on_its_way: Option<u64>,
}

impl Durable {
    /// Everything read back from disk is on it.
    pub(crate) fn restored(&mut self, last: Index) {
        self.index = last;
    }

    pub(crate) fn index(&self) -> Index {
        self.index
    }

    /// Whether the node may vouch for its term, its vote and its log up to `index`.
    pub(crate) fn covers(&self, index: Index) -> bool {
        index <= self.index && !self.vote_recorded && self.vote_on_its_way.is_none()
    }

    pub(crate) fn vote_recorded(&mut self) {
        self.vote_recorded = true;
    }

    /// A batch was handed out, after which the log ends at `last`.
    pub(crate) fn handed_out(&mut self, position: u64, last: Index) {
        self.on_their_way.push_back((position, last));
        if std::mem::take(&mut self.vote_recorded) {
            self.vote_on_its_way = Some(position);
        }
    }

    /// All batches up to `position` are on disk.
    pub(crate) fn persisted(&mut self, position: u64) {
        while let Some((_, last)) = self.on_their_way.pop_front_if(|(batch, _)| *batch <= position) {
            self.index = self.index.max(last);
        }
        if self.vote_on_its_way.is_some_and(|batch| batch <= position) {
            self.vote_on_its_way = None;
        }
    }

    /// The log was cut: earlier batches no longer vouch for what they held from there on.
    pub(crate) fn truncated(&mut self, from: Index) {
        let last = from.previous();
        self.index = self.index.min(last);
        for (_, batch_last) in &mut self.on_their_way {
            *batch_last = last.min(*batch_last);
        }
    }

    /// The planted bug: the log counts as durable although nobody has said so.
    pub(crate) fn pretend(&mut self, last: Index) {
        self.index = last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_vouches_for_nothing_that_was_cut_while_it_was_written() {
        let mut durable = Durable::default();
        durable.handed_out(1, Index(10));
        durable.truncated(Index(6));
        durable.handed_out(2, Index(8));
        durable.persisted(1);
        assert_eq!(durable.index(), Index(5), "entries 6 to 8 are other ones now");
        durable.persisted(2);
        assert_eq!(durable.index(), Index(8));
    }

    #[test]
    fn a_vote_holds_back_every_promise_until_it_is_on_disk() {
        let mut durable = Durable::default();
        durable.vote_recorded();
        assert!(!durable.covers(Index(0)));
        durable.handed_out(1, Index(0));
        assert!(!durable.covers(Index(0)));
        durable.persisted(1);
        assert!(durable.covers(Index(0)));
    }
}
