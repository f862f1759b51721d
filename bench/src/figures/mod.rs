//! What is measured, one file for each kind of figure. A figure is a number with a name; the same name
//! is a row of the table, whatever system it comes from.

pub(crate) mod ack;
pub(crate) mod calibration;
pub(crate) mod crash;
pub(crate) mod ingest;
pub(crate) mod paced;
pub(crate) mod queries;
pub(crate) mod scaling;
pub(crate) mod visible;

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
}

/// Figures of one run of one system, and what else there is to say about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) all: Vec<Figure>,
    /// Sentences for the reader: failures, wrong answers.
    pub(crate) remarks: Vec<String>,
}

impl Figures {
    pub(crate) fn add(&mut self, name: impl Into<String>, unit: &'static str, value: f64) {
        self.all.push(Figure {
            name: name.into(),
            unit,
            value,
        });
    }

    pub(crate) fn remark(&mut self, remark: impl Into<String>) {
        self.remarks.push(remark.into());
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.all.extend(other.all);
        self.remarks.extend(other.remarks);
    }
}
