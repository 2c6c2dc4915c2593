//! What has reached the disk. Records are handed out in numbered batches, and the host tells when a batch is
//! persisted; until then nothing that vouches for its content is said.

use std::collections::VecDeque;

use crate::message::{Epoch, Zxid};

/// What a server holds, in memory or on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The end of the log.
    pub(crate) last: Zxid,
    pub(crate) accepted_epoch: Epoch,
    pub(crate) current_epoch: Epoch,
}

#[derive(Debug, Default)]
pub(crate) struct Durable {
    marks: Marks,
    /// The batches on their way: position, and what is on disk after it.
    on_their_way: VecDeque<(u64, Marks)>,
}

impl Durable {
    /// What is known to be on disk.
    pub(crate) fn marks(&self) -> Marks {
        self.marks
    }

    /// Everything read back from disk is on it. (Also the planted bug: what is not counts as durable, although nobody
    /// has said so.)
    pub(crate) fn set(&mut self, marks: Marks) {
        self.marks = marks;
    }

    pub(crate) fn handed_out(&mut self, position: u64, marks: Marks) {
        self.on_their_way.push_back((position, marks));
    }

    /// All batches up to `position` are on disk.
    pub(crate) fn persisted(&mut self, position: u64) {
        while let Some((_, marks)) = self.on_their_way.pop_front_if(|(batch, _)| *batch <= position) {
            self.marks = marks;
        }
    }

    /// The log was replaced by another: what was written of it so far vouches for nothing of the new one.
    pub(crate) fn log_replaced(&mut self) {
        self.marks.last = Zxid(0);
        for (_, marks) in &mut self.on_their_way {
            marks.last = Zxid(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_vouches_for_nothing_of_a_log_that_was_replaced_while_it_was_written() {
        let marks = |last, epoch| Marks {
            last: Zxid(last),
            accepted_epoch: Epoch(epoch),
            current_epoch: Epoch(epoch),
        };
        let mut durable = Durable::default();
        durable.handed_out(1, marks(10, 1));
        durable.log_replaced();
        durable.handed_out(2, marks(8, 2));
        durable.persisted(1);
        assert_eq!(
            durable.marks(),
            marks(0, 1),
            "transactions up to 8 are other ones now"
        );
        durable.persisted(2);
        assert_eq!(durable.marks(), marks(8, 2));
    }
}
